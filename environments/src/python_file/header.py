import ast

_NEEDED = {"verify": 2, "step": 3, "oracle": 1, "wrong": 1}


def _parameters(name, given):
    """How many arguments a function takes: as many as it is called with, where it can be."""
    most = len(given.posonlyargs) + len(given.args)
    needed = _NEEDED.get(name, most)
    return needed if most - len(given.defaults) <= needed and (needed <= most or given.vararg) else most


def _literal(node):
    """The value of a literal, or of `dict(...)` with literals."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        return {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
    return ast.literal_eval(node)


def header(source):
    """What a file says about itself, without running any of it."""
    try:
        module = ast.parse(source)
    except SyntaxError as error:
        text = (error.text or "").strip()[:80]
        place = f"line {error.lineno}" if error.lineno else "the file"
        return {"problem": f"{place} is not Python: {error.msg}" + (f": {text}" if text else "")}
    declared = [
        node.value
        for node in module.body
        if (isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "ENV" for to in node.targets))
        or (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "ENV" and node.value)
    ]
    if len(declared) != 1:
        return {"problem": f"ENV is assigned {len(declared)} times at the top level, and must be once"}
    try:
        env = _literal(declared[0])
    except (ValueError, TypeError):
        return {"problem": "ENV is not a literal"}
    functions = {}
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            functions[node.name] = _parameters(node.name, node.args)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            for to in node.targets:
                if isinstance(to, ast.Name):
                    functions[to.id] = _parameters(to.id, node.value.args)
    return {"env": env, "functions": functions}
