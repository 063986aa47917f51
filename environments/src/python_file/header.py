import ast


def header(source):
    """What a file says about itself, without running any of it."""
    try:
        module = ast.parse(source)
    except SyntaxError as error:
        text = (error.text or "").strip()[:80]
        return {"problem": f"line {error.lineno} is not Python: {error.msg}" + (f": {text}" if text else "")}
    declared = [
        node.value
        for node in module.body
        if (isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "ENV" for to in node.targets))
        or (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "ENV" and node.value)
    ]
    if len(declared) != 1:
        return {"problem": f"ENV is assigned {len(declared)} times at the top level, and must be once"}
    try:
        env = ast.literal_eval(declared[0])
    except (ValueError, TypeError):
        return {"problem": "ENV is not a literal"}
    functions = {
        node.name: len(node.args.posonlyargs) + len(node.args.args)
        for node in module.body
        if isinstance(node, ast.FunctionDef)
    }
    return {"env": env, "functions": functions}
