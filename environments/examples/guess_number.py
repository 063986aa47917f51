"""Guessing a number in several turns: an environment whose state travels as plain data.

`step` gets the task, the state that the last step returned (at first the one that `generate` gave) and the model's
reply. It returns the next state with a message, or a score, which ends the conversation.
"""

import random
import re

ENV = {
    "name": "demo.guess_number",
    "version": "1.0.0",
    "abi": 1,
    "floor": 0.08,
    "turns": 6,
    "max_new_tokens": 16,
}


def generate(seed: int, level: int = 1) -> dict:
    draw = random.Random(seed)
    low = draw.randrange(100, 900)
    number = low + draw.randrange(100)
    return {
        "prompt": f"I think of a number from {low} to {low + 99} whose digits add up to {sum(map(int, str(number)))}. "
        "Reply with one line: Guess: <number>. I will say whether mine is larger or smaller; you have six guesses.",
        "private": {"number": number},
        "state": {"guesses": []},
    }


def step(task: dict, state: dict, action: str) -> dict:
    found = re.findall(r"(?im)^[ `*]*guess[ *]*:[ *]*([0-9]{3})[ `*]*$", action)
    if not found:
        return {"score": 0.0}
    guess, number = int(found[-1]), task["private"]["number"]
    guesses = state["guesses"] + [guess]
    if guess == number:
        return {"score": 1.0}
    if len(guesses) == 6 or guess in state["guesses"]:
        return {"score": 0.0}
    return {"state": {"guesses": guesses}, "message": "Mine is larger." if number > guess else "Mine is smaller."}


def oracle(task: dict) -> list[str]:
    number = task["private"]["number"]
    return [f"Guess: {100 if number != 100 else 101}", f"Guess: {number}"]


def wrong(task: dict) -> list[str]:
    return ["Guess: 1", "Guess: one hundred", f"{task['private']['number']}?", "Guess: 9999"]
