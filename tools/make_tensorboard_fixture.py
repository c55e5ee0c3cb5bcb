#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/events.tfrecord: three events, as TensorBoard itself writes them.

Set-up:  python3 -m venv .venv && .venv/bin/pip install tensorboard setuptools
Run:     .venv/bin/python tools/make_tensorboard_fixture.py
"""
import pathlib

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

ROOT = pathlib.Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    image = Summary.Image(height=2, width=3, colorspace=3, encoded_image_string=b"picture")
    values = [Summary.Value(tag="loss/g_l1", simple_value=0.125), Summary.Value(tag="samples", image=image)]
    with open(ROOT / "crates/pix2pix/tests/fixtures/events.tfrecord", "wb") as file:
        writer = RecordWriter(file)
        for event in (
            Event(wall_time=1.5, file_version="brain.Event:2"),
            Event(wall_time=1.75, step=200, session_log=SessionLog(status=SessionLog.START)),
            Event(wall_time=2.25, step=300, summary=Summary(value=values)),
        ):
            writer.write(event.SerializeToString())
        writer.flush()
