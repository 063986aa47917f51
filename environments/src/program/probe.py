import io


def probe(program, inputs):
    code = compile(program, "program", "exec")
    outputs = []
    for line in inputs:
        lines = iter([line])
        printed = io.StringIO()

        def show(*values, sep=" ", end="\n"):
            printed.write(sep.join(str(value) for value in values) + end)

        def read():
            return next(lines)

        try:
            exec(code, {"__name__": "__main__", "input": read, "print": show})
        except Exception:
            outputs.append(None)
        else:
            outputs.append(printed.getvalue().removesuffix("\n"))
    return outputs
