//! Parameters of Jinja's filters: arguments in the form that the implementation here takes.
//!
//! In Python every argument can be given by position or by name.

use minijinja::{
    Value,
    machinery::{
        Span,
        ast::{CallArg, Const, Expr, Spanned},
    },
};

/// Form of the arguments that an implementation takes.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Named,
    Listed,
}

use Form::{Listed, Named};

/// Filters by name, their parameters in Jinja's order, and the form in which they are passed on.
const FILTERS: [(&str, &[&str], Form); 22] = [
    ("batch", &["linecount", "fill_with"], Listed),
    ("center", &["width"], Listed),
    ("default", &["default_value", "boolean"], Listed),
    ("d", &["default_value", "boolean"], Listed),
    ("dictsort", &["case_sensitive", "by", "reverse"], Named),
    ("filesizeformat", &["binary"], Listed),
    ("float", &["default"], Listed),
    ("groupby", &["attribute", "default", "case_sensitive"], Named),
    ("indent", &["width", "first", "blank"], Listed),
    ("int", &["default", "base"], Listed),
    ("join", &["d", "attribute"], Listed),
    ("max", &["case_sensitive", "attribute"], Named),
    ("min", &["case_sensitive", "attribute"], Named),
    ("replace", &["old", "new", "count"], Listed),
    ("round", &["precision", "method"], Listed),
    ("slice", &["slices", "fill_with"], Listed),
    ("sort", &["reverse", "case_sensitive", "attribute"], Named),
    ("sum", &["attribute", "start"], Named),
    ("tojson", &["ensure_ascii", "indent", "separators", "sort_keys"], Named),
    ("trim", &["chars"], Listed),
    ("truncate", &["length", "killwords", "end", "leeway"], Named),
    ("unique", &["case_sensitive", "attribute"], Named),
];

/// The arguments of a filter in the form that it takes; those of other filters, and those that do not fit, as they are.
pub(super) fn arranged<'a>(filter: &str, given: Vec<CallArg<'a>>) -> Vec<CallArg<'a>> {
    let Some((_, parameters, form)) = FILTERS.iter().find(|(name, ..)| *name == filter) else { return given };
    let listed = given.iter().take_while(|argument| matches!(argument, CallArg::Pos(_))).count();
    let is_plain = given[listed..].iter().all(|argument| matches!(argument, CallArg::Kwarg(..)));
    if !is_plain || listed > parameters.len() {
        return given;
    }
    if *form == Named {
        let name = |(at, argument)| match argument {
            CallArg::Pos(expr) => CallArg::Kwarg(parameters[at], expr),
            other => other,
        };
        return given.into_iter().enumerate().map(name).collect();
    }
    let last = given[listed..].iter().filter_map(|argument| match argument {
        CallArg::Kwarg(name, _) => Some(parameters.iter().position(|parameter| parameter == name)),
        _ => None,
    });
    let Some(last) = last.collect::<Option<Vec<usize>>>() else { return given };
    let count = last.iter().map(|at| at + 1).max().unwrap_or(0).max(listed);
    let mut arranged: Vec<Option<CallArg<'a>>> = (0..count).map(|_| None).collect();
    for (at, argument) in given.into_iter().enumerate() {
        match argument {
            CallArg::Kwarg(_, expr) => arranged[last[at - listed]] = Some(CallArg::Pos(expr)),
            other => arranged[at] = Some(other),
        }
    }
    arranged.into_iter().map(|argument| argument.unwrap_or_else(absent)).collect()
}

/// The argument of a parameter that keeps its default.
fn absent<'a>() -> CallArg<'a> {
    CallArg::Pos(Expr::Const(Spanned::new(Const { value: Value::UNDEFINED }, Span::default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant<'a>(value: i64) -> Expr<'a> {
        Expr::Const(Spanned::new(Const { value: Value::from(value) }, Span::default()))
    }

    #[track_caller]
    fn check(filter: &str, given: &[(&'static str, i64)], expected: &str) {
        let given = given.iter().map(|(name, value)| match *name {
            "" => CallArg::Pos(constant(*value)),
            name => CallArg::Kwarg(name, constant(*value)),
        });
        let written = arranged(filter, given.collect()).into_iter().map(|argument| match argument {
            CallArg::Pos(Expr::Const(node)) if node.value.is_undefined() => "_".to_owned(),
            CallArg::Pos(Expr::Const(node)) => node.value.to_string(),
            CallArg::Kwarg(name, Expr::Const(node)) => format!("{name}={}", node.value),
            _ => "?".to_owned(),
        });
        assert_eq!(written.collect::<Vec<_>>().join(" "), expected, "{filter}");
    }

    #[test]
    fn arguments_are_passed_on_as_the_filter_takes_them() {
        check("dictsort", &[("", 1), ("", 2)], "case_sensitive=1 by=2");
        check("sort", &[("", 1), ("attribute", 2)], "reverse=1 attribute=2");
        check("default", &[("", 1), ("boolean", 2)], "1 2");
        check("default", &[("boolean", 2)], "_ 2");
        check("default", &[("boolean", 2), ("default_value", 1)], "1 2");
        check("indent", &[("blank", 3)], "_ _ 3");
        check("center", &[("width", 3)], "3");
        // What does not fit is told by the filter.
        check("center", &[("", 1), ("", 2)], "1 2");
        check("center", &[("wide", 2)], "wide=2");
        check("upper", &[("a", 2)], "a=2");
    }
}
