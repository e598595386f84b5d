# make demo: the whole pipeline on synthetic faces.  make test: all tests.  make test-fast: those that need no TensorFlow,
# Node or mediapipe, build no wheel and train for seconds only.  make soak: a run that is interrupted twenty times.
# Each sets everything up first.
PYTHON := .venv/bin/python
INSTALLED := .venv/.installed

.PHONY: demo test test-fast soak lint types setup

demo: $(INSTALLED)
	rm -rf outputs/demo bundles/demo
	$(PYTHON) -m fer_lightning.train +experiment=demo hydra.run.dir=outputs/demo
	$(PYTHON) -m fer_lightning.evaluate data=sample ckpt=outputs/demo/checkpoints/best.ckpt subset=test \
		hydra.run.dir=outputs/demo/test
	$(PYTHON) -m export ckpt=outputs/demo/checkpoints/best.ckpt out=bundles/demo
	@$(PYTHON) -m fer_lightning.report outputs/demo
	@echo "bundle: bundles/demo/"

test: $(INSTALLED)
	$(PYTHON) -m pytest --numprocesses 2 --dist loadfile

test-fast: $(INSTALLED)
	$(PYTHON) -m pytest --numprocesses 2 --dist loadfile -m "not slow"

soak: $(INSTALLED)
	$(PYTHON) -m tests.soak

lint: $(INSTALLED)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types: $(INSTALLED)
	$(PYTHON) -m mypy

setup: $(INSTALLED)

$(INSTALLED): setup.sh setup.py pyproject.toml constraints.txt $(wildcard tools/*) tests/javascript/package.json
	@./setup.sh
	@touch $@
