import ast


def choose(sources):
    """The place of the last text that compiles and does something: samples of output are often Python, too."""
    compiling = []
    for place in reversed(range(len(sources))):
        try:
            tree = ast.parse(sources[place].removeprefix("\ufeff"))
            compile(tree, "reply", "exec")
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
            continue
        if any(isinstance(node, (ast.Call, ast.Import, ast.ImportFrom)) for node in ast.walk(tree)):
            return place
        compiling.append(place)
    return compiling[0] if compiling else len(sources) - 1
