"""Run a few times before the heap is captured, so that what a program needs is already loaded, specialised and cached.

It touches no file descriptor: what the host hands out now would be unknown to the instances that start from the capture.
"""

import collections
import io
import json
import math
import random
import re
import sys

sys.stdin, sys.stdout, sys.stderr = io.StringIO("21\n3 4\nword\n"), io.StringIO(), io.StringIO()


class Shape:
    def __init__(self, width, height=1):
        self.width, self.height = width, height

    def area(self):
        return self.width * self.height

    def __repr__(self):
        return f"Shape({self.width}, {self.height})"


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def squares(count):
    for n in range(count):
        yield n * n


n = int(input())
a, b = map(int, input().split())
text = sys.stdin.readline().strip()
print(n, n * 2, a + b, a / b, text[::-1], sep=", ", end=".\n")
print("%d %s %.3f" % (n, text, math.pi), f"{n:>5}|{math.sqrt(2):.2f}", "{} {}".format(a, b))
print(sorted([3, 1, 2], reverse=True), max(1, 2), sum(range(10)), list(map(str, range(3))), [*squares(4)])
print(Shape(2, 3).area(), Shape(4), fibonacci(8), {"k": [1, 2]}, {1, 2}, (1,), None, True, 2**70, -7 // 2, 7 % 3)
print(collections.Counter("hello").most_common(1), collections.defaultdict(int)["x"], collections.deque([1, 2], 2))
print(json.loads(json.dumps({"a": [1, 2.5, None, "x"]})), re.sub(r"(\d+)", r"<\1>", "a1b22"), random.random() < 2)
print(" ".join(str(n) for n in range(5)), "a,b".split(","), "Word".lower().upper().title(), "x" in "xyz", ord("a"), chr(98))
for index, (left, right) in enumerate(zip("ab", "cd")):
    with io.StringIO() as stream:
        stream.write(left + right)
    try:
        assert index > 5, "no"
    except AssertionError as error:
        print(type(error).__name__, error)
    else:
        break
while n > 0:
    n -= 7
grid = [[0] * 3 for _ in range(3)]
grid[1][1] = 5
lookup = {key: value for key, value in zip("abc", range(3)) if value != 1}
print(any(map(any, grid)), all([]), lookup.get("z", 0), list(lookup.items()), list(filter(None, [0, 1])), lambda x: x)


def answer(given, named=None):
    return [given, (1, 2.0), {"a": True}, "text", named]


def fail(given):
    return given // 0  # an expression: what shows the line of a statement looks for a file
