"""Addition in columns: the smallest environment that passes the check.

Copy this file, change ENV, generate and verify, and run the check on it. Every function gets plain data and returns
plain data; each call runs in a fresh interpreter that has no files, no network and no clock.
"""

import random
import re

ENV = {
    "name": "demo.addition",
    "version": "1.0.0",
    "abi": 1,
    "floor": 0.08,
    "levels": 3,
    "max_new_tokens": 32,
}


def generate(seed: int, level: int = 1) -> dict:
    draw = random.Random(seed)
    numbers = [draw.randrange(10 ** level, 10 ** (level + 1)) for _ in range(level + 1)]
    question = " + ".join(str(number) for number in numbers)
    return {
        "prompt": f"What is {question}? Reply with one line: Answer: <number>",
        "private": {"sum": sum(numbers)},
    }


def verify(task: dict, reply: str) -> float:
    lines = re.findall(r"(?im)^[ `*]*answer[ *]*:[ *]*([0-9]{1,40})[ `*]*$", reply)
    return 1.0 if lines and lines[-1] == str(task["private"]["sum"]) else 0.0


def oracle(task: dict) -> str:
    return f"Answer: {task['private']['sum']}"


def wrong(task: dict) -> list[str]:
    total = task["private"]["sum"]
    return [f"Answer: {total + 1}", f"Answer: {total}0", f"Answer: 0{total}", f"{total} or so", "Answer:"]
