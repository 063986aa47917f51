//! Rewrites a template's AST so that every container's size is checked when it is created.
//!
//! Fuel pays for what is copied. It does not see that lists share their items: twelve lists, each of eight times the one
//! before, are made in a few instructions and written in gigabytes, and comparing two of them takes as long. So the
//! compiled form of a template measures each container where it is made, as large as it would be if it were written, and
//! pays for whatever is compared as a whole.

use std::collections::BTreeMap;

use minijinja::{
    Error, ErrorKind, State, Value,
    machinery::{
        Span,
        ast::{
            AutoEscape, BinOp, BinOpKind, Block, Call, CallArg, CallBlock, CallType, Compare, CompareOp, Const, Do,
            EmitExpr, EmitRaw, Expr, Extends, Filter, ForLoop, FromImport, GetAttr, GetItem, IfCond, IfExpr, Import,
            Include, List, Macro, Map, Set, SetBlock, Slice, Spanned, Stmt, Template, Test, Tuple, UnaryOp,
            UnaryOpKind, Var, WithBlock,
        },
    },
    value::{Tuple as TupleValue, ValueKind},
};

use super::{python_text, signatures};

/// Most bytes of a value if it were written, roughly: as many as of a whole conversation.
const LARGEST: usize = 4 << 20;
/// Bytes that a value counts beside its text.
const VALUE: usize = 16;
/// Values looked at for one unit of fuel.
const LOOKS: usize = 16;

/// The names under which the measures are called; no template can spell them.
pub(super) const MADE: &str = "(made)";
pub(super) const LOOKED_AT: &str = "(looked at)";
pub(super) const SPENT: &str = "(spent)";
pub(super) const WHOLE: &str = "(whole)";
/// The name of the function that gives the operands of `~` the text that they have in Python.
pub(super) const TEXT: &str = "(text)";
/// The name of the function that fills the `%` codes of a text.
pub(super) const PERCENT: &str = "(percent)";
/// The name of a filter block's text.
const BLOCK: &str = "(block)";

/// Filters that give a number, a text or a part of what they get.
const SMALL_FILTERS: [&str; 30] = [
    "abs",
    "capitalize",
    "center",
    "count",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "indent",
    "int",
    "join",
    "last",
    "length",
    "lower",
    "replace",
    "round",
    "safe",
    "string",
    "striptags",
    "title",
    "tojson",
    "trim",
    "truncate",
    "upper",
    "urlencode",
    "wordcount",
    "xmlattr",
];
/// Filters that compare what they get with itself.
const COMPARING: [&str; 10] =
    ["sort", "unique", "min", "max", "groupby", "dictsort", "select", "reject", "selectattr", "rejectattr"];
/// Functions that give a text, a number or what they got; `loop` and `super` are compiled in their own way.
const SMALL_FUNCTIONS: [&str; 7] = ["loop", "super", "caller", "range", "namespace", "raise_exception", "strftime_now"];

/// The sizes of containers measured so far, by where they lie; each is held, so that no other comes to lie there.
#[derive(Default)]
pub(super) struct Sizes(BTreeMap<usize, (usize, Value)>);

impl Sizes {
    /// Fails for a value that is too large, and pays for looking at what was not looked at before.
    pub(super) fn made(&mut self, state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
        self.measure(state, value).map(|_| value.clone())
    }

    /// Likewise, and pays for looking at all of it, a text byte by byte.
    pub(super) fn whole(&mut self, state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
        let size = self.measure(state, value)?;
        let values = (size / VALUE / LOOKS) as u64;
        state.consume_fuel(value.as_str().map_or(values, python_text::price))?;
        Ok(value.clone())
    }

    fn measure(&mut self, state: &State<'_, '_>, value: &Value) -> Result<usize, Error> {
        let mut looks = 0;
        let size = self.size(value, LARGEST, Kept::Yes, &mut looks);
        state.consume_fuel((looks / LOOKS) as u64)?;
        let too_large = || format!("a value of more than {LARGEST} bytes is made");
        size.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, too_large()))
    }

    /// The size of a value unless it is above `limit`.
    fn size(&mut self, value: &Value, limit: usize, kept: Kept, looks: &mut usize) -> Option<usize> {
        *looks += 1;
        let mut left = limit.checked_sub(VALUE + value.as_str().map_or(0, str::len))?;
        let place = place(value);
        if let Some((size, _)) = place.and_then(|place| self.0.get(&place)) {
            return (*size <= limit).then_some(*size);
        }
        let kept = if place.is_some() { kept } else { Kept::No };
        let mut add = |part: &Value| {
            left -= self.size(part, left, kept, looks)?;
            Some(())
        };
        match (value.kind(), value.as_object()) {
            (ValueKind::Map, Some(map)) => {
                for (key, part) in map.try_iter_pairs().into_iter().flatten() {
                    add(&key)?;
                    add(&part)?;
                }
            }
            (ValueKind::Seq | ValueKind::Iterable, Some(list)) => {
                for part in list.try_iter().into_iter().flatten() {
                    add(&part)?;
                }
            }
            _ => {}
        }
        let size = limit - left;
        if let (Some(place), Kept::Yes) = (place, kept) {
            self.0.insert(place, (size, value.clone()));
        }
        Some(size)
    }
}

/// Pays for looking at all of a text; of other values only a part is looked at.
pub(super) fn text(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    state.consume_fuel(value.as_str().map_or(0, python_text::price))?;
    Ok(value.clone())
}

/// Tells values that the template holds from those that were made to be measured.
#[derive(Clone, Copy)]
enum Kept {
    Yes,
    No,
}

/// Address of a list, whose items cannot change.
fn place(value: &Value) -> Option<usize> {
    let list = value.downcast_object_ref::<Vec<Value>>().map(|list| std::ptr::from_ref(list).addr());
    list.or_else(|| value.downcast_object_ref::<TupleValue>().map(|tuple| std::ptr::from_ref(tuple).addr()))
}

/// The same template with its measures.
pub(super) fn measured<'a>(statement: &Stmt<'a>) -> Stmt<'a> {
    match statement {
        Stmt::Template(node) => {
            let mut children = body(&node.children);
            children.push(spent(node.span()));
            Stmt::Template(respan(node, Template { children }))
        }
        Stmt::EmitExpr(node) => Stmt::EmitExpr(respan(node, EmitExpr { expr: expression(&node.expr) })),
        Stmt::EmitRaw(node) => Stmt::EmitRaw(respan(node, EmitRaw { raw: node.raw })),
        Stmt::ForLoop(node) => Stmt::ForLoop(respan(node, for_loop(node))),
        Stmt::IfCond(node) => {
            let (expr, true_body, false_body) = (expression(&node.expr), body(&node.true_body), body(&node.false_body));
            Stmt::IfCond(respan(node, IfCond { expr, true_body, false_body }))
        }
        Stmt::WithBlock(node) => {
            Stmt::WithBlock(respan(node, WithBlock { assignments: assignments(node), body: body(&node.body) }))
        }
        Stmt::Set(node) => Stmt::Set(respan(node, Set { target: plain(&node.target), expr: expression(&node.expr) })),
        Stmt::SetBlock(node) => {
            let captured = SetBlock { target: plain(&node.target), filter: None, body: body(&node.body) };
            let captured = Stmt::SetBlock(respan(node, captured));
            match &node.filter {
                None => captured,
                Some(filter) => {
                    let set = Set { target: plain(&node.target), expr: filtered(filter, plain(&node.target)) };
                    sequence(vec![captured, Stmt::Set(respan(node, set))], node.span())
                }
            }
        }
        Stmt::AutoEscape(node) => {
            Stmt::AutoEscape(respan(node, AutoEscape { enabled: expression(&node.enabled), body: body(&node.body) }))
        }
        Stmt::FilterBlock(node) => {
            let block = || Expr::Var(Spanned::new(Var { id: BLOCK }, node.span()));
            let captured = SetBlock { target: block(), filter: None, body: body(&node.body) };
            let emitted = EmitExpr { expr: filtered(&node.filter, block()) };
            let body = vec![Stmt::SetBlock(respan(node, captured)), Stmt::EmitExpr(respan(node, emitted))];
            Stmt::WithBlock(respan(node, WithBlock { assignments: Vec::new(), body }))
        }
        Stmt::Block(node) => {
            Stmt::Block(respan(node, Block { name: node.name, required: node.required, body: body(&node.body) }))
        }
        Stmt::Import(node) => {
            Stmt::Import(respan(node, Import { expr: expression(&node.expr), name: plain(&node.name) }))
        }
        Stmt::FromImport(node) => {
            let names = node.names.iter().map(|(name, to)| (plain(name), to.as_ref().map(plain))).collect();
            Stmt::FromImport(respan(node, FromImport { expr: expression(&node.expr), names }))
        }
        Stmt::Extends(node) => Stmt::Extends(respan(node, Extends { name: expression(&node.name) })),
        Stmt::Include(node) => {
            let ignore_missing = node.ignore_missing;
            Stmt::Include(respan(node, Include { name: expression(&node.name), ignore_missing }))
        }
        Stmt::Macro(node) => Stmt::Macro(respan(node, make_macro(node))),
        Stmt::CallBlock(node) => {
            let (call, macro_decl) = (respan(&node.call, call(&node.call)), make_macro(&node.macro_decl));
            let macro_decl = respan(&node.macro_decl, macro_decl);
            Stmt::CallBlock(respan(node, CallBlock { call, call_expr_span: node.call_expr_span, macro_decl }))
        }
        Stmt::Do(node) => Stmt::Do(respan(node, Do { call: respan(&node.call, call(&node.call)) })),
        Stmt::Continue(node) => Stmt::Continue(respan(node, minijinja::machinery::ast::Continue)),
        Stmt::Break(node) => Stmt::Break(respan(node, minijinja::machinery::ast::Break)),
    }
}

/// The last statement of a template, which writes nothing and notes the fuel that was consumed.
fn spent<'a>(span: Span) -> Stmt<'a> {
    let function = Expr::Var(Spanned::new(Var { id: SPENT }, span));
    let expr = Expr::Call(Spanned::new(Call { expr: function, args: Vec::new() }, span));
    Stmt::EmitExpr(Spanned::new(EmitExpr { expr }, span))
}

fn respan<T, U>(of: &Spanned<T>, node: U) -> Spanned<U> {
    Spanned::new(node, of.span())
}

fn body<'a>(statements: &[Stmt<'a>]) -> Vec<Stmt<'a>> {
    statements.iter().map(measured).collect()
}

fn for_loop<'a>(node: &ForLoop<'a>) -> ForLoop<'a> {
    ForLoop {
        target: plain(&node.target),
        iter: expression(&node.iter),
        filter_expr: node.filter_expr.as_ref().map(expression),
        recursive: node.recursive,
        body: body(&node.body),
        else_body: body(&node.else_body),
    }
}

fn make_macro<'a>(node: &Macro<'a>) -> Macro<'a> {
    Macro {
        name: node.name,
        args: node.args.iter().map(plain).collect(),
        defaults: Vec::new(),
        body: defaults(node).chain(body(&node.body)).collect(),
    }
}

/// Defaults of a macro's parameters, the first ones first: each may look at the parameters before it.
fn defaults<'a>(node: &Macro<'a>) -> impl Iterator<Item = Stmt<'a>> {
    let with_default = node.args[node.args.len().saturating_sub(node.defaults.len())..].iter();
    with_default.zip(&node.defaults).map(|(parameter, default)| {
        let span = default.span();
        let set = Set { target: plain(parameter), expr: expression(default) };
        let test = Test { name: "undefined", expr: rebuilt(parameter), args: Vec::new() };
        let true_body = vec![Stmt::Set(Spanned::new(set, span))];
        let expr = Expr::Test(Spanned::new(test, span));
        Stmt::IfCond(Spanned::new(IfCond { expr, true_body, false_body: Vec::new() }, span))
    })
}

fn under<'a>(name: &'static str, expr: Expr<'a>, span: Span) -> Expr<'a> {
    let function = Expr::Var(Spanned::new(Var { id: name }, span));
    Expr::Call(Spanned::new(Call { expr: function, args: vec![CallArg::Pos(expr)] }, span))
}

/// A chain of filters over a block's text: as an expression, which is measured. A block's own filter would not be.
fn filtered<'a>(expr: &Expr<'a>, text: Expr<'a>) -> Expr<'a> {
    match expr {
        Expr::Filter(node) => {
            let input = match &node.expr {
                Some(inner) => filtered(inner, text),
                None => text,
            };
            let looks = if COMPARING.contains(&node.name) { WHOLE } else { LOOKED_AT };
            let applied = filter(node, Some(under(looks, input, node.span())));
            if SMALL_FILTERS.contains(&node.name) { applied } else { under(MADE, applied, node.span()) }
        }
        other => rebuilt(other),
    }
}

fn filter<'a>(node: &Spanned<Filter<'a>>, expr: Option<Expr<'a>>) -> Expr<'a> {
    let args = signatures::arranged(node.name, arguments(&node.args, true));
    Expr::Filter(respan(node, Filter { name: node.name, expr, args }))
}

/// Statements in the place of one, in the scope that they stand in.
fn sequence<'a>(statements: Vec<Stmt<'a>>, span: Span) -> Stmt<'a> {
    let expr = Expr::Const(Spanned::new(Const { value: Value::from(true) }, span));
    Stmt::IfCond(Spanned::new(IfCond { expr, true_body: statements, false_body: Vec::new() }, span))
}

/// The assignments of a `with`, of which none sees another: several are one of a list to a list.
fn assignments<'a>(node: &Spanned<WithBlock<'a>>) -> Vec<(Expr<'a>, Expr<'a>)> {
    let assigned = node.assignments.iter().map(|(to, from)| (plain(to), expression(from)));
    if node.assignments.len() < 2 {
        return assigned.collect();
    }
    let (to, from): (Vec<_>, Vec<_>) = assigned.unzip();
    vec![(Expr::List(respan(node, List { items: to })), Expr::List(respan(node, List { items: from })))]
}

/// Target of an assignment: it creates no value, and neither do the targets inside it.
fn plain<'a>(expr: &Expr<'a>) -> Expr<'a> {
    let all = |items: &[Expr<'a>]| items.iter().map(plain).collect();
    match expr {
        Expr::List(node) => Expr::List(respan(node, List { items: all(&node.items) })),
        Expr::Tuple(node) => Expr::Tuple(respan(node, Tuple { items: all(&node.items) })),
        other => rebuilt(other),
    }
}

fn expression<'a>(expr: &Expr<'a>) -> Expr<'a> {
    let makes = match expr {
        Expr::List(node) => node.as_const().is_none(),
        Expr::Tuple(node) => node.as_const().is_none(),
        Expr::Map(node) => node.as_const().is_none(),
        Expr::BinOp(node) => match node.op {
            // What a literal is added to, or a text repeated, is no container.
            BinOpKind::Add => !has_literal_term(expr),
            BinOpKind::Mul => !is_text(&node.left) && !is_text(&node.right),
            _ => false,
        },
        Expr::Filter(node) => !SMALL_FILTERS.contains(&node.name),
        Expr::Call(node) => match node.identify_call() {
            CallType::Function(name) => !SMALL_FUNCTIONS.contains(&name),
            CallType::Method(..) | CallType::Object(_) => true,
            CallType::Block(_) => false,
        },
        _ => false,
    };
    let built = rebuilt(expr);
    if makes { under(MADE, built, expr.span()) } else { built }
}

fn is_literal(expr: &Expr<'_>) -> bool {
    matches!(expr, Expr::Const(_))
}

/// True for what is a text whatever the values are.
fn is_made_text(expr: &Expr<'_>) -> bool {
    is_text(expr) || matches!(expr, Expr::BinOp(node) if matches!(node.op, BinOpKind::Concat))
}

fn is_text(expr: &Expr<'_>) -> bool {
    matches!(expr, Expr::Const(node) if node.value.kind() == ValueKind::String)
}

fn has_literal_term(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::BinOp(node) if matches!(node.op, BinOpKind::Add) => {
            has_literal_term(&node.left) || has_literal_term(&node.right)
        }
        other => is_literal(other),
    }
}

/// An operand that may be looked at from beginning to end.
fn whole<'a>(expr: &Expr<'a>, other: Option<&Expr<'_>>) -> Expr<'a> {
    let built = expression(expr);
    let cheap = matches!(expr, Expr::Const(_) | Expr::Compare(_) | Expr::Test(_))
        || matches!(expr, Expr::BinOp(node) if !matches!(node.op, BinOpKind::Add | BinOpKind::Mul | BinOpKind::ScAnd | BinOpKind::ScOr));
    if cheap {
        built
    } else if other.is_some_and(is_literal) {
        // No list or mapping is compared with a literal beyond its first part.
        under(LOOKED_AT, built, expr.span())
    } else {
        under(WHOLE, built, expr.span())
    }
}

/// An operand of which a text is looked at from beginning to end, and a list or a mapping in parts.
fn looked_at<'a>(expr: &Expr<'a>) -> Expr<'a> {
    let built = expression(expr);
    match expr {
        // Literals were written by hand, and comparisons give no text.
        Expr::Const(_) | Expr::Compare(_) | Expr::Test(_) => built,
        _ => under(LOOKED_AT, built, expr.span()),
    }
}

fn rebuilt<'a>(expr: &Expr<'a>) -> Expr<'a> {
    let optional = |expr: &Option<Expr<'a>>| expr.as_ref().map(expression);
    let all = |items: &[Expr<'a>]| items.iter().map(expression).collect();
    match expr {
        Expr::Var(node) => Expr::Var(respan(node, Var { id: node.id })),
        Expr::Const(node) => Expr::Const(respan(node, Const { value: node.value.clone() })),
        Expr::Slice(node) => {
            let (start, stop, step) = (optional(&node.start), optional(&node.stop), optional(&node.step));
            Expr::Slice(respan(node, Slice { expr: looked_at(&node.expr), start, stop, step }))
        }
        Expr::UnaryOp(node) => {
            let negative = matches!(node.op, UnaryOpKind::Neg);
            let op = if negative { UnaryOpKind::Neg } else { UnaryOpKind::Not };
            Expr::UnaryOp(respan(node, UnaryOp { op, expr: expression(&node.expr) }))
        }
        Expr::BinOp(node) if matches!(node.op, BinOpKind::Rem) && is_made_text(&node.left) => {
            let function = Expr::Var(Spanned::new(Var { id: PERCENT }, node.span()));
            let args = vec![CallArg::Pos(expression(&node.left)), CallArg::Pos(expression(&node.right))];
            Expr::Call(respan(node, Call { expr: function, args }))
        }
        Expr::BinOp(node) => Expr::BinOp(respan(node, operation(node))),
        Expr::Compare(node) => {
            let ops = node.ops.iter().map(|op| CompareOp { op: op.op, expr: whole(&op.expr, None) }).collect();
            Expr::Compare(respan(node, Compare { expr: whole(&node.expr, None), ops }))
        }
        Expr::IfExpr(node) => {
            let (test_expr, true_expr) = (expression(&node.test_expr), expression(&node.true_expr));
            Expr::IfExpr(respan(node, IfExpr { test_expr, true_expr, false_expr: optional(&node.false_expr) }))
        }
        Expr::Filter(node) => {
            let compares = COMPARING.contains(&node.name);
            let input = |expr: &Expr<'a>| if compares { whole(expr, None) } else { looked_at(expr) };
            filter(node, node.expr.as_ref().map(input))
        }
        Expr::Test(node) => {
            let compares = !node.args.is_empty();
            let expr = if compares { whole(&node.expr, only(&node.args)) } else { looked_at(&node.expr) };
            Expr::Test(respan(node, Test { name: node.name, expr, args: arguments(&node.args, compares) }))
        }
        Expr::GetAttr(node) => Expr::GetAttr(respan(node, GetAttr { expr: expression(&node.expr), name: node.name })),
        Expr::GetItem(node) => {
            let subscript_expr = whole(&node.subscript_expr, None);
            Expr::GetItem(respan(node, GetItem { expr: looked_at(&node.expr), subscript_expr }))
        }
        Expr::Call(node) => Expr::Call(respan(node, call(node))),
        Expr::List(node) => Expr::List(respan(node, List { items: all(&node.items) })),
        Expr::Tuple(node) => Expr::Tuple(respan(node, Tuple { items: all(&node.items) })),
        Expr::Map(node) => {
            let keys = node.keys.iter().map(|key| whole(key, None)).collect();
            Expr::Map(respan(node, Map { keys, values: all(&node.values) }))
        }
    }
}

fn operation<'a>(node: &BinOp<'a>) -> BinOp<'a> {
    let (left, right) = match node.op {
        BinOpKind::Eq | BinOpKind::Ne | BinOpKind::Lt | BinOpKind::Lte | BinOpKind::Gt | BinOpKind::Gte => {
            (whole(&node.left, Some(&node.right)), whole(&node.right, Some(&node.left)))
        }
        BinOpKind::In => (whole(&node.left, None), whole(&node.right, None)),
        // The whole sum is measured, so its terms need not be.
        BinOpKind::Add => (term(&node.left), term(&node.right)),
        BinOpKind::Concat => (operand(&node.left), operand(&node.right)),
        _ => (expression(&node.left), expression(&node.right)),
    };
    BinOp { op: node.op, left, right }
}

/// An operand of `~`; what is a text already is left alone.
fn operand<'a>(expr: &Expr<'a>) -> Expr<'a> {
    let built = expression(expr);
    if is_made_text(expr) { built } else { under(TEXT, built, expr.span()) }
}

fn term<'a>(expr: &Expr<'a>) -> Expr<'a> {
    match expr {
        Expr::BinOp(node) if matches!(node.op, BinOpKind::Add) => rebuilt(expr),
        other => expression(other),
    }
}

fn only<'e, 'a>(args: &'e [CallArg<'a>]) -> Option<&'e Expr<'a>> {
    match args {
        [CallArg::Pos(expr)] => Some(expr),
        _ => None,
    }
}

fn call<'a>(node: &Call<'a>) -> Call<'a> {
    match node.identify_call() {
        CallType::Method(receiver, name) => {
            let receiver = if name == "count" { whole(receiver, None) } else { expression(receiver) };
            let Expr::GetAttr(attribute) = &node.expr else { unreachable!("a method is an attribute that is called") };
            let expr = Expr::GetAttr(respan(attribute, GetAttr { expr: receiver, name }));
            Call { expr, args: arguments(&node.args, true) }
        }
        _ => Call { expr: rebuilt(&node.expr), args: arguments(&node.args, false) },
    }
}

fn arguments<'a>(args: &[CallArg<'a>], compared: bool) -> Vec<CallArg<'a>> {
    let value = |expr: &Expr<'a>| if compared { whole(expr, None) } else { expression(expr) };
    let argument = |argument: &CallArg<'a>| match argument {
        CallArg::Pos(expr) => CallArg::Pos(value(expr)),
        CallArg::Kwarg(name, expr) => CallArg::Kwarg(name, value(expr)),
        CallArg::PosSplat(expr) => CallArg::PosSplat(value(expr)),
        CallArg::KwargSplat(expr) => CallArg::KwargSplat(value(expr)),
    };
    args.iter().map(argument).collect()
}

#[cfg(test)]
mod tests;
