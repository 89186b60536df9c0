"""`mw demo` tells its story: each chapter comes out as the program itself decided, with no failed
request, and leaves nothing behind."""
import os
import signal
import subprocess
import time

from conftest import BINARY


def test_the_story_comes_out(tmp_path):
    process = subprocess.Popen([BINARY, "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               stdin=subprocess.DEVNULL, text=True,
                               env={**os.environ, "TMPDIR": str(tmp_path)})
    told, began = [], time.monotonic()
    for line in process.stdout:
        told.append(line)
        if "The server goes on" in line:
            break
    text = "".join(told)
    assert "The server goes on" in text, text
    assert time.monotonic() - began < 240
    chapters = text.split("\n\n")
    assert len(chapters) == 7, text
    first, second, third, fourth, fifth = chapters[1:6]
    assert "credit/1: @champion leads there at once" in first
    assert "promote    watching" in second and "every critical metric is fine" in second
    assert "group/demographic_parity_ratio 0.430: fail" in third
    assert "credit/3 has not passed its gates: gate 'fairness' did not pass" in third
    assert "metric/roc_auc 0.969: pass" in fourth
    assert "roll_back  rolled_back" in fourth and "the harm passes the tolerance" in fourth
    assert "InputDrift" in fifth and "income" in fifth
    assert ", 0 failed" in chapters[6]
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    process.stdout.close()
    assert not list(tmp_path.iterdir())
