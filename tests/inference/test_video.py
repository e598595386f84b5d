import itertools
import json
import resource
import shutil
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from fer_lightning.commands import live
from fer_lightning.errors import FerError
from fer_lightning.inference import video
from fer_lightning.inference.reader import ExpressionReader
from fer_lightning.inference.video import VideoSource
from fer_lightning.utils.own_files import is_own
from tests.helpers import SKIMAGE, run_command


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A second and a half at ten frames a second: a face that moves, and nothing at the end."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    portrait = Image.open(SKIMAGE / "astronaut.png").convert("RGB").crop((100, 0, 400, 300))
    with video.writing(path, 10) as writer:
        for number in range(15):
            frame = Image.new("RGB", (480, 320), (90, 110, 140))
            if number < 12:
                frame.paste(portrait, (5 * number, 10))
            writer.write(frame)
    return path


def test_reads_what_was_written(clip):
    with VideoSource(clip) as frames:
        assert (frames.rate, frames.frames) == (10, 15)
        times, pictures = zip(*frames, strict=True)
    assert times == pytest.approx([number / 10 for number in range(15)])
    assert len(pictures) == 15
    colour = np.asarray(pictures[-1])[100, 240].astype(int)
    assert np.abs(colour - (90, 110, 140)).max() < 12  # RGB, and not BGR


def test_videos_of_an_upright_phone_are_turned(tmp_path):
    """Phones store landscape pictures, and a matrix that turns them."""
    stored = Image.new("RGB", (480, 320), (0, 0, 255))
    stored.paste((255, 0, 0), (0, 0, 240, 160))  # red in the upper left quarter
    with video.writing(tmp_path / "stored.mp4", 10) as writer:
        for _ in range(3):
            writer.write(stored)
    content = bytearray((tmp_path / "stored.mp4").read_bytes())
    matrix = content.index(b"tkhd") + 44  # ISO/IEC 14496-12: the matrix in a track header of version 0
    corners = {90: ((0, 1, -1, 0), (320, 480), (240, 80)), 180: ((-1, 0, 0, -1), (480, 320), (360, 240))}
    corners[270] = ((0, -1, 1, 0), (320, 480), (80, 400))
    for turn, ((a, b, c, d), size, red) in corners.items():  # clockwise
        values = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
        content[matrix : matrix + 36] = struct.pack(">9i", *values)
        (tmp_path / f"{turn}.mp4").write_bytes(content)
        with VideoSource(tmp_path / f"{turn}.mp4") as frames:
            _, picture = next(iter(frames))
        assert picture.size == size
        assert picture.getpixel(red)[0] > 200, turn


def test_the_command_reads_a_video_to_its_end(clip, bundle, tmp_path):
    words = (str(clip), "--model", str(bundle), "--json", "--out", "out")
    process = run_command("fer_lightning.predict", *words, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    frames = [json.loads(line) for line in process.stdout.splitlines()]
    assert [frame["seconds"] for frame in frames] == [number / 10 for number in range(15)]
    assert [len(frame["faces"]) for frame in frames] == [1] * 12 + [0] * 3
    assert {frame["faces"][0]["face"] for frame in frames[:12]} == {1}
    assert "15 frames" in process.stderr
    assert "face 1 in 12 frames" in process.stderr
    with VideoSource(tmp_path / "out" / "clip_expressions.mp4") as copy:
        assert len(list(copy)) == 15
    assert is_own(tmp_path / "out" / "clip_expressions.mp4")
    assert Image.open(tmp_path / "out" / "clip_over_time.png").width > 500


@pytest.mark.parametrize("content", [None, b"", b"no video"])
def test_what_is_no_video(tmp_path, bundle, content):
    if content is not None:
        (tmp_path / "clip.mp4").write_bytes(content)
    process = run_command("fer_lightning.predict", "clip.mp4", "--model", str(bundle), cwd=tmp_path)
    assert process.returncode == 1
    (line,) = process.stderr.splitlines()
    assert line.startswith("error: ")
    assert "clip.mp4" in line


def test_files_of_one_name_get_copies_of_their_own(clip, bundle, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(clip, tmp_path / folder / "clip.mp4")
    words = ("a/clip.mp4", "b/clip.mp4", "a/clip.mp4", "--model", str(bundle), "--json", "--out", "out")
    process = run_command("fer_lightning.predict", *words, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert len(process.stdout.splitlines()) == 30  # what is named twice is read once
    assert sorted(path.name for path in (tmp_path / "out").glob("*.mp4")) == [
        "clip_2_expressions.mp4",
        "clip_expressions.mp4",
    ]


def test_an_interrupted_copy_is_not_left_behind(tmp_path):
    def half_written() -> None:
        with video.writing(tmp_path / "copy.mp4", 10) as writer:
            writer.write(Image.new("RGB", (64, 64)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_written()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_before_the_last_frame(tmp_path):
    """A limit on file sizes stands in for a full disk; closing the file then fails in another way."""
    noise = np.random.default_rng(0).integers(0, 256, (30, 240, 320, 3), dtype=np.uint8)

    def copy() -> None:
        with video.writing(tmp_path / "copy.mp4", 10) as writer:
            for frame in noise:
                writer.write(Image.fromarray(frame))

    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, former[1]))
    try:
        with pytest.raises(OSError, match=r"copy\.mp4"):
            copy()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_block_is_not_the_files(tmp_path):
    def ended_by_a_reader() -> None:
        with video.writing(tmp_path / "copy.mp4", 10):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        ended_by_a_reader()


def test_the_times_of_joined_videos_go_on(tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "a.mpg"), "w") as container:
        stream = container.add_stream("mpeg1video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(10):
            container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 48), (20 * shade,) * 3))))
        container.mux(stream.encode())
    (tmp_path / "b.mpg").write_bytes(2 * (tmp_path / "a.mpg").read_bytes())
    with VideoSource(tmp_path / "b.mpg") as frames:
        times = [seconds for seconds, _ in frames]
    assert len(times) > 15
    assert np.diff(times) == pytest.approx(1 / 25, abs=0.002)


def test_a_slow_video_is_shown_to_its_end(bundle, monkeypatch):
    clock = itertools.count(0, 0.03)  # seconds; a frame takes twice as long to decode as to show
    monkeypatch.setattr(live.time, "perf_counter", lambda: next(clock))
    frames = [(number / 50, Image.new("RGB", (64, 48))) for number in range(200)]
    shown = [seconds for seconds, *_ in live._read(ExpressionReader(bundle), frames, in_real_time=True)]
    assert shown[-1] > 3
    assert max(np.diff(shown)) < 1


@pytest.mark.parametrize("size", [(63, 47), (1, 1)])
def test_odd_sizes_and_uneven_times(tmp_path, size):
    with video.writing(tmp_path / "copy.mp4", 30) as writer:
        for seconds in (0.0, 0.1, 0.1, 0.5):
            writer.write(Image.new("RGB", size, "grey"), seconds)
    with VideoSource(tmp_path / "copy.mp4") as frames:
        assert [round(seconds, 2) for seconds, _ in frames] == [0.0, 0.1, 0.1, 0.5]


def test_copies_are_h264_in_the_colours_that_browsers_play(clip):
    av = pytest.importorskip("av")
    with av.open(str(clip)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")


@pytest.mark.parametrize(("aspect", "size"), [(Fraction(64, 45), (1024, 576)), (Fraction(255), (720, 576))])
def test_pixels_that_are_not_square_are_stretched(tmp_path, aspect, size):
    """As on DVDs; an aspect ratio that no picture has is a mistake."""
    path = tmp_path / "dvd.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (720, 576)))))
        container.mux(stream.encode())
    with VideoSource(path) as frames:
        assert [frame.size for _, frame in frames] == [size]


def test_a_video_that_was_cut_off_is_read_up_to_there(tmp_path):
    av = pytest.importorskip("av")
    clip = tmp_path / "clip.mp4"
    with video.writing(clip, 10) as writer:
        for frame in np.random.default_rng(0).integers(0, 256, (15, 48, 64, 3), dtype=np.uint8):
            writer.write(Image.fromarray(frame))
    path = tmp_path / "clip.mkv"
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with VideoSource(path) as frames:
        assert 3 <= len(list(frames)) < 15


def test_a_face_in_a_single_frame_gets_no_chart(tmp_path, bundle):
    portrait = Image.open(SKIMAGE / "astronaut.png").convert("RGB").crop((100, 0, 400, 300))
    with video.writing(tmp_path / "clip.mp4", 10) as writer:
        for number in range(3):
            writer.write(portrait if number == 1 else Image.new("RGB", portrait.size, (90, 110, 140)))
    process = run_command("fer_lightning.predict", "clip.mp4", "--model", str(bundle), "--out", "out", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "face 1 in 1 frame:" in process.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["clip_expressions.mp4"]


def test_frames_from_python(clip, bundle):
    frames = list(ExpressionReader(bundle).read_video(clip))
    assert [len(frame.faces) for frame in frames] == [1] * 12 + [0] * 3
    assert {face.number for frame in frames for face in frame.faces} == {1}
    assert frames[3].seconds == pytest.approx(0.3)
    assert frames[3].picture.size == (480, 320)
    with pytest.raises(FerError, match="no such file"):
        next(ExpressionReader(bundle).read_video("missing.mp4"))


def test_live_without_a_display(clip, bundle, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    words = ("--live", str(clip), "--model", str(bundle))
    process = run_command("fer_lightning.predict", *words, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    first, *_, last = process.stdout.splitlines()
    assert first.split()[:3] == ["0.0", "s", "1"]
    assert float(last.split()[0]) >= 0.5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--live", "97"], "camera 97: there is no such camera, or another program is using it"),
        (["--live", "0", "1"], "--live takes exactly one camera or one video, got 0, 1"),
        (["--live", "--json"], "--live only shows what it reads; leave out --json, or leave out --live"),
    ],
)
def test_wrong_words_with_live(tmp_path, words, message):
    process = run_command("fer_lightning.predict", *words, cwd=tmp_path)
    assert (process.returncode, process.stdout, process.stderr) == (1, "", f"error: {message}\n")


def test_a_camera_without_a_new_frame_is_waited_for(clip):
    """On macOS, FFmpeg says so in place of waiting."""
    with VideoSource(clip) as frames:
        given = frames._container

        class Camera:
            turns = 0

            def demux(self, stream):
                Camera.turns += 1
                for number, packet in enumerate(given.demux(stream)):
                    if number == 2 and Camera.turns < 3:
                        raise BlockingIOError
                    yield packet

        frames._container = Camera()
        assert len(list(frames)) > 10
        frames._container = given
    assert Camera.turns == 3


def test_no_such_camera():
    with pytest.raises(FerError, match="camera 99999999999: there is no such camera, or another program is using it"):
        VideoSource(99999999999)
    with pytest.raises(FerError, match="camera 97: there is no such camera, or another program is using it"):
        VideoSource(97)
