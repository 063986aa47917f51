//! Checks of a chat template's tokens before it is compiled, for what neither fuel nor a handler catches later.
//!
//! A namespace is the only thing that a template can change after it was made, and so the only way to build a value that
//! contains itself; writing such a value out recurses until the stack ends. A namespace that is never used whole, only
//! its parts, cannot end up inside anything. And a long expression takes the compiler time that grows with the square of
//! its length.

use minijinja::{
    machinery::{Token, tokenize},
    syntax::SyntaxConfig,
};

/// Function that makes a namespace.
const NAMESPACE: &str = "namespace";

/// Tokens of one tag; published templates have some hundred at most.
const LONGEST_TAG: usize = 2_000;

/// Checks a template; the error says what is wrong with it.
pub(super) fn check(source: &str, syntax: SyntaxConfig) -> Result<(), String> {
    // A template that cannot be read ends here as well as in the parser, which says it better.
    let tokens = tokenize(source, false, syntax).map_while(Result::ok);
    let tokens: Vec<Token<'_>> = tokens.map(|(token, _)| token).collect();
    check_tags(&tokens)?;
    check_namespaces(&tokens)
}

fn check_tags(tokens: &[Token<'_>]) -> Result<(), String> {
    let mut length = 0;
    for token in tokens {
        length = if matches!(token, Token::BlockStart | Token::VariableStart) { 0 } else { length + 1 };
        if length > LONGEST_TAG {
            return Err(format!("one of its tags has more than {LONGEST_TAG} words"));
        }
    }
    Ok(())
}

fn check_namespaces(tokens: &[Token<'_>]) -> Result<(), String> {
    let mut names = Vec::new();
    for at in 0..tokens.len() {
        if is_use_of(tokens, at, NAMESPACE) {
            names.push(made(tokens, at).ok_or("namespace is used otherwise than in {% set NAME = namespace(...) %}")?);
        }
    }
    names.sort_unstable();
    names.dedup();
    for at in 0..tokens.len() {
        let Token::Ident(name) = tokens[at] else { continue };
        let whole = names.binary_search(&name).is_ok()
            && is_use_of(tokens, at, name)
            && !is(tokens, at + 1, &Token::Dot)
            && !is_key(tokens, at + 1)
            && !is_made_here(tokens, at);
        if whole {
            return Err(format!("the namespace {name:?} is used whole, not one of its parts"));
        }
    }
    Ok(())
}

/// True for a variable of that name, not an attribute or a keyword of a call.
fn is_use_of(tokens: &[Token<'_>], at: usize, name: &str) -> bool {
    let before = at.checked_sub(1).map(|before| &tokens[before]);
    let keyword = matches!(before, Some(Token::ParenOpen | Token::Comma)) && is(tokens, at + 1, &Token::Assign);
    is(tokens, at, &Token::Ident(name)) && !matches!(before, Some(Token::Dot)) && !keyword
}

fn is(tokens: &[Token<'_>], at: usize, token: &Token<'_>) -> bool {
    match (tokens.get(at), token) {
        (Some(Token::Ident(found)), Token::Ident(wanted)) => found == wanted,
        (Some(found), wanted) => std::mem::discriminant(found) == std::mem::discriminant(wanted),
        (None, _) => false,
    }
}

/// True for one key in brackets, which names a part as a dot does.
fn is_key(tokens: &[Token<'_>], at: usize) -> bool {
    let key = matches!(tokens.get(at + 1), Some(Token::Str(_) | Token::String(_)));
    key && is(tokens, at, &Token::BracketOpen) && is(tokens, at + 2, &Token::BracketClose)
}

fn is_made_here(tokens: &[Token<'_>], at: usize) -> bool {
    is(tokens, at + 1, &Token::Assign) && is(tokens, at + 2, &Token::Ident(NAMESPACE))
}

/// The name in `{% set NAME = namespace(...) %}`, if that is what surrounds the word.
fn made<'a>(tokens: &[Token<'a>], at: usize) -> Option<&'a str> {
    let start = at.checked_sub(4)?;
    let Token::Ident(name) = tokens[start + 2] else { return None };
    let sound = is(tokens, start, &Token::BlockStart)
        && is(tokens, start + 1, &Token::Ident("set"))
        && is(tokens, start + 3, &Token::Assign)
        && is(tokens, at + 1, &Token::ParenOpen);
    if !sound {
        return None;
    }
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(at + 1) {
        match token {
            Token::ParenOpen => depth += 1,
            Token::ParenClose => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return is(tokens, index + 1, &Token::BlockEnd).then_some(name);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, sound: bool) {
        assert_eq!(super::check(source, SyntaxConfig::default()).is_ok(), sound, "{source}");
    }

    #[test]
    fn namespaces_may_be_used_part_by_part() {
        check("{%- set ns = namespace(a=1, b=x | length - (1)) -%}{% set ns.a = ns.b %}{{ ns.a ~ x.ns }} ns", true);
        check("{% set ns = namespace() %}{{ f(ns=1) }}{{ 'ns' }}", true);
        check("{% set ns = namespace(a=1) %}{{ ns['a'] ~ ns[\"b\"].c }}", true);
        check("no template at all: namespace", true);
    }

    #[test]
    fn a_tag_is_no_longer_than_people_write() {
        check(&format!("{{{{ a{} }}}}", "~a".repeat(900)), true);
        check(&format!("{{{{ a{} }}}}", "~a".repeat(1_100)), false);
        check(&"{{ a ~ b }} and {% if a %}text{% endif %}".repeat(2_000), true);
    }

    #[test]
    fn namespaces_cannot_get_into_values() {
        for source in [
            "{% set ns = namespace() %}{% set ns.a = ns %}",
            "{% set ns = namespace() %}{% set a = [ns] %}{% set ns.a = a %}",
            "{% set ns = namespace() %}{{ ns | tojson }}",
            "{% set ns = namespace() %}{{ ns[a] }}",
            "{% set ns = namespace() %}{{ ns[:] }}",
            "{% set ns = namespace() %}{{ ns['a':] }}",
            "{% set ns = namespace() %}{{ ns[ns] }}",
            "{% set ns = namespace() %}{{ [ns]['a'] }}",
            "{% set ns = namespace(), 1 %}{% set a = ns[0] %}",
            "{% set ns = namespace() | list %}",
            "{% set ns = [namespace()] %}",
            "{% set make = namespace %}{% set ns = make() %}{% set ns.a = ns %}",
            "{% with ns = namespace() %}{% set ns.a = ns %}{% endwith %}",
            "{% set a = namespace() %}{% set b = namespace(a=a) %}",
            "{% set a = namespace() %}{% set b = namespace() %}{% set a.x = namespace() %}",
            "{% set a, b = namespace(), 1 %}",
            "{% set ns = namespace() %}{% macro f() %}{{ ns }}{% endmacro %}",
        ] {
            check(source, false);
        }
    }
}
