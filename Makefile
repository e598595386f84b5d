# make demo: run the whole pipeline on synthetic faces.  make test: run all tests.  make test-fast: leave out the tests that
# need TensorFlow, Node, mediapipe or the Kaggle client, build a wheel, compile or start several runs, for under 90 seconds on
# two cores.  make soak: interrupt a run twenty times.
# make docs: build the documentation, site/index.html.  Every target installs what it needs first.
PYTHON := .venv/bin/python
INSTALLED := .venv/.installed
# in the order of the folders: xdist would take the files with the fewest tests last, and the longest tests are in these
PARALLEL := --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo docs test test-fast soak lint types setup

demo: $(INSTALLED)
	rm -rf outputs/demo bundles/demo
	$(PYTHON) -m fer_lightning.train +experiment=demo hydra.run.dir=outputs/demo
	$(PYTHON) -m fer_lightning.evaluate data=sample ckpt=outputs/demo/checkpoints/best.ckpt subset=test \
		hydra.run.dir=outputs/demo/test
	$(PYTHON) -m export ckpt=outputs/demo/checkpoints/best.ckpt out=bundles/demo
	@$(PYTHON) -m fer_lightning.report outputs/demo
	@echo "bundle: bundles/demo/"

test: $(INSTALLED)
	$(PYTHON) -m pytest $(PARALLEL)

test-fast: $(INSTALLED)
	$(PYTHON) -m pytest $(PARALLEL) -m "not slow"

soak: $(INSTALLED)
	$(PYTHON) -m tests.soak

docs: $(INSTALLED)
	$(PYTHON) tools/docs_pages.py
	$(PYTHON) -m zensical build --clean --strict

lint: $(INSTALLED)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types: $(INSTALLED)
	$(PYTHON) -m mypy

setup: $(INSTALLED)

$(INSTALLED): setup.sh setup.py pyproject.toml constraints.txt $(wildcard tools/*) tests/javascript/package.json
	@./setup.sh
	@touch $@
