"""Options and timing that all peers share."""
import argparse
import json
import pathlib
import resource
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))


def arguments(*choices):
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=choices)
    parser.add_argument("--precision", choices=["f32", "tf32", "bf16"], default="f32")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def measure(o, step):
    """Three steps of warm-up, then the least and the median time of `o.steps` steps."""
    for _ in range(3):
        step()
    times = []
    for _ in range(o.steps):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"min_s": min(times), "median_s": statistics.median(times), "peak_memory_bytes": peak}))
