//! Chat templates (Jinja): a miner's program that renders a conversation as text.
//!
//! It runs with bounded fuel (which also bounds what it can build in memory), a clock that stands still, no files, no
//! other templates and no environment, so that it gives the same text on every machine and every day.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, State, Value, context,
    machinery::{CodeGenerator, eval, make_string_output, parse},
    syntax::SyntaxConfig,
    value::{Kwargs, Serde, ValueKind},
};

use super::{
    deep_stack::{self, Unfinished},
    faith,
    json_style::spaced,
    measure, tokens,
};
use crate::{
    error::LoadError,
    refusal::Refusal,
    text::{Message, Role},
};

/// One instruction costs one, and so do 64 bytes that are built: at most 64 MiB in all.
const FUEL: u64 = 1_000_000;
/// Bytes of JSON for one unit of fuel: writing it takes longer than copying it.
const JSON_BYTES: usize = 4;
/// Longest acceptable template in bytes; published ones have up to 20 KiB.
const LONGEST_TEMPLATE: usize = 256 << 10;
/// Longest rendered text in bytes.
const LONGEST_TEXT: usize = 4 << 20;
/// Deepest nesting of calls and loops.
const RECURSION: usize = 100;
const NAME: &str = "chat";

/// The written forms of the tokens that a template may put in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedTokens {
    /// Begins a text.
    pub bos: Option<String>,
    /// Ends a text.
    pub eos: Option<String>,
    /// Stands for what cannot be encoded.
    pub unk: Option<String>,
    /// Fills up.
    pub pad: Option<String>,
    /// Separates two texts.
    pub sep: Option<String>,
    /// Stands for a whole text.
    pub cls: Option<String>,
    /// Stands for what is to be guessed.
    pub mask: Option<String>,
}

impl NamedTokens {
    /// The tokens that there are, under the names that templates know them by; the others are undefined there.
    fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("bos_token", &self.bos),
            ("eos_token", &self.eos),
            ("unk_token", &self.unk),
            ("pad_token", &self.pad),
            ("sep_token", &self.sep),
            ("cls_token", &self.cls),
            ("mask_token", &self.mask),
        ];
        all.into_iter().filter_map(|(name, token)| Some((name, token.as_deref()?)))
    }
}

/// A chat template that was tried; it is compiled anew for every text, which takes less time than laying one out.
#[derive(Clone)]
pub struct ChatTemplate {
    source: Arc<str>,
    tokens: NamedTokens,
}

/// A template did not render a conversation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The template's own doing.
    #[error("the chat template failed: {reason}")]
    Template {
        /// Its error, or the resource that it exhausted.
        reason: String,
    },
    /// This machine's: the same conversation may well be laid out a little later.
    #[error("this machine has no thread to run a chat template on: {reason}")]
    Host {
        /// The system's error.
        reason: String,
    },
}

impl ChatTemplate {
    /// Compiles a template and tries it on one question.
    ///
    /// # Errors
    /// A refusal, unless this machine had no thread to try it on.
    pub fn parse(source: &str, tokens: NamedTokens) -> Result<Self, LoadError> {
        let refuse = |reason: String| LoadError::Refused(Refusal::Template { reason });
        if source.len() > LONGEST_TEMPLATE {
            return Err(refuse(format!("it has {} bytes and at most {LONGEST_TEMPLATE} are allowed", source.len())));
        }
        let template = Self { source: source.into(), tokens };
        let question = Message { role: Role::User, content: "Hello".to_owned() };
        template.render(&[question]).map_err(|error| match error {
            TemplateError::Template { reason } => refuse(reason),
            host @ TemplateError::Host { .. } => LoadError::Machine { reason: host.to_string() },
        })?;
        Ok(template)
    }

    /// The conversation as text, ending where the model's reply begins.
    ///
    /// # Errors
    /// If the template fails, or this machine has no thread for it.
    pub fn render(&self, messages: &[Message]) -> Result<String, TemplateError> {
        deep_stack::run(|| self.render_here(messages)).unwrap_or_else(|unfinished| Err(unfinished.into()))
    }

    /// The same, from a template that repeats what it is told and lets nothing else depend on it.
    /// `key` seeds the marks; it has to be a number that the template's author could not know.
    ///
    /// # Errors
    /// If the template fails or depends on a message's content, or this machine has no thread for it.
    pub fn render_faithfully(&self, messages: &[Message], key: u64) -> Result<String, TemplateError> {
        let both = || {
            let text = self.render_here(messages)?;
            let marks = faith::Marks::new(messages, key);
            let marked = self.render_here(&marks.conversation())?;
            if marks.explain(&text, &marked) {
                return Ok(text);
            }
            let reason = "it says other things, or says things otherwise, depending on what it is told; let it repeat each \
                          message as it is and nothing else depend on its content";
            Err(TemplateError::Template { reason: reason.to_owned() })
        };
        deep_stack::run(both).unwrap_or_else(|unfinished| Err(unfinished.into()))
    }

    /// Values are as deeply nested as the template makes them, and so are their writing and their dropping.
    fn render_here(&self, messages: &[Message]) -> Result<String, TemplateError> {
        let tokens: BTreeMap<&str, &str> = self.tokens.named().collect();
        let text = self.text(context! {
            messages => Value::from(Serde(messages)),
            add_generation_prompt => true,
            tools => Value::from(()),
            documents => Value::from(()),
            ..Value::from(Serde(tokens))
        });
        let text = text.map_err(|error| TemplateError::Template { reason: describe(&error) })?;
        if text.len() > LONGEST_TEXT {
            return Err(TemplateError::Template { reason: format!("it made {} bytes of text", text.len()) });
        }
        Ok(text)
    }

    /// Compiles the template with its measures and runs it.
    fn text(&self, context: Value) -> Result<String, Error> {
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
        let source = without_generation_marks(&self.source);
        tokens::check(&source, syntax.clone()).map_err(|reason| Error::new(ErrorKind::InvalidOperation, reason))?;
        let mut code = CodeGenerator::new(NAME, &source);
        code.compile_stmt(&measure::measured(&parse(&source, NAME, syntax)?));
        let (instructions, blocks) = code.finish();
        let mut text = String::new();
        let environment = environment();
        eval(&environment, &instructions, context, &blocks, &mut make_string_output(&mut text), AutoEscape::None)?;
        Ok(text)
    }

    /// The template as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The tokens that it may put in.
    pub fn tokens(&self) -> &NamedTokens {
        &self.tokens
    }
}

impl From<Unfinished> for TemplateError {
    fn from(unfinished: Unfinished) -> Self {
        match unfinished {
            Unfinished::Panicked => Self::Template { reason: "it gave up".to_owned() },
            Unfinished::NoThread(error) => Self::Host { reason: error.to_string() },
        }
    }
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ChatTemplate").field("source", &self.source).finish_non_exhaustive()
    }
}

/// Jinja environment as Hugging Face sets it up, without everything that reads from outside.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    environment.set_unknown_method_callback(method);
    environment.add_function("raise_exception", |reason: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, reason))
    });
    environment.add_function("strftime_now", strftime_now);
    environment.add_filter("tojson", to_json);
    // They write values with an indent for each level, which no measure bounds, and are for people who write templates.
    environment.remove_filter("pprint");
    // Its result is built before fuel is charged for it, and `~` and the method do the same.
    environment.remove_filter("format");
    environment.remove_global("debug");
    let sizes = Arc::new(Mutex::new(measure::Sizes::default()));
    let same_sizes = Arc::clone(&sizes);
    environment
        .add_function(measure::MADE, move |state: &State<'_, '_>, value: &Value| locked(&sizes).made(state, value));
    environment.add_function(measure::WHOLE, move |state: &State<'_, '_>, value: &Value| {
        locked(&same_sizes).whole(state, value)
    });
    environment
}

/// The sizes; a panic while they were held has ended the text that they were for.
fn locked(sizes: &Mutex<measure::Sizes>) -> MutexGuard<'_, measure::Sizes> {
    sizes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The methods that Python's texts, lists and dictionaries have.
fn method(state: &mut State<'_, '_>, value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    if name == "format"
        && let Some(format) = value.as_str()
    {
        bounded_format(format, arguments)?;
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, name, arguments)
}

/// Bounds a format before fuel is charged for it: it may not fill up to a width, and each of its places
/// may take the longest argument.
fn bounded_format(format: &str, arguments: &[Value]) -> Result<(), Error> {
    let refused = |what: &'static str| Err(Error::new(ErrorKind::InvalidOperation, what));
    if format.contains(':') {
        return refused("format: widths and precisions are not supported");
    }
    let mut longest = 0;
    for argument in arguments {
        longest = longest.max(match (argument.as_str(), argument.kind()) {
            (Some(text), _) => text.len(),
            (None, ValueKind::Number | ValueKind::Bool | ValueKind::None | ValueKind::Undefined) => 64,
            _ => return refused("format: only texts and numbers, by position, are supported"),
        });
    }
    if format.len() + format.matches('{').count() * longest > LONGEST_TEXT {
        return refused("format: what it would make is too long");
    }
    Ok(())
}

/// Marks around the assistant's text, which training looks at, become conditions that always hold.
fn without_generation_marks(source: &str) -> String {
    let mut plain = source.to_owned();
    for open in ["{%", "{%-"] {
        for close in ["%}", "-%}"] {
            plain = plain.replace(&format!("{open} generation {close}"), &format!("{open} if true {close}"));
            plain = plain.replace(&format!("{open} endgeneration {close}"), &format!("{open} endif {close}"));
        }
    }
    plain
}

/// Date of every conversation: the one that Llama's own templates fall back to.
fn strftime_now(format: &str) -> Result<String, Error> {
    let mut text = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        text.push_str(match characters.next() {
            Some('d' | 'e') => "26",
            Some('b') => "Jul",
            Some('B') => "July",
            Some('m') => "07",
            Some('Y') => "2024",
            Some('y') => "24",
            Some('a') => "Fri",
            Some('A') => "Friday",
            Some('H' | 'M' | 'S') => "00",
            Some('j') => "208",
            Some('%') => "%",
            other => {
                return Err(Error::new(ErrorKind::InvalidOperation, format!("strftime_now: %{other:?} is not known")));
            }
        });
    }
    Ok(text)
}

/// JSON as Python writes it, without the escapes that HTML would need.
fn to_json(state: &State<'_, '_>, value: &Value, arguments: Kwargs) -> Result<String, Error> {
    let indent = match arguments.get::<Option<Value>>("indent")? {
        Some(indent) if indent.kind() == ValueKind::Number => usize::try_from(indent)?,
        _ => 0,
    };
    // Accepted and without effect: keys come sorted, and nothing is escaped.
    for key in ["ensure_ascii", "sort_keys", "separators"] {
        let _: Option<Value> = arguments.get(key)?;
    }
    arguments.assert_all_used()?;
    if indent > 16 {
        return Err(Error::new(ErrorKind::InvalidOperation, "tojson: an indent of more than 16"));
    }
    let json = spaced(value, indent, LONGEST_TEXT)
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, "cannot be written as JSON").with_source(error))?;
    state.consume_fuel((json.len() / JSON_BYTES) as u64)?;
    Ok(json)
}

fn describe(error: &Error) -> String {
    let place = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    let text: String = error.to_string().chars().take(400).collect();
    format!("{text}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: Role, content: &str) -> Message {
        Message { role, content: content.to_owned() }
    }

    #[track_caller]
    fn check(source: &str, expected: Result<&str, &str>) {
        let tokens = NamedTokens { bos: Some("<s>".to_owned()), ..NamedTokens::default() };
        let messages = [message(Role::System, "Be <brief>."), message(Role::User, " 2 + 2? ")];
        let found = ChatTemplate::parse(source, tokens)
            .map_err(|refusal| refusal.to_string())
            .and_then(|template| template.render(&messages).map_err(|error| error.to_string()));
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(part)) => assert!(found.contains(part), "{found}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn conversations_are_laid_out_as_jinja_would() {
        check(
            "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m['content'].strip() }}\n{% endfor %}",
            Ok("<s>[system] Be <brief>.\n[user] 2 + 2?\n"),
        );
        check(
            "{%- for m in messages %}\n    {%- if loop.first %}\n{{ m.content }}\n    {%- endif %}\n{%- endfor %}",
            Ok("Be <brief>."),
        );
        check("{% if tools is not none %}tools{% endif %}{% if tools %}x{% endif %}{{ nothing }}!", Ok("!"));
        check("{{ messages[-1] | tojson }}", Ok(r#"{"role": "user", "content": " 2 + 2? "}"#));
        check("{{ strftime_now('%d %b %Y') }}", Ok("26 Jul 2024"));
        check("{% generation %}a{% endgeneration %}", Ok("a"));
        check(
            "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% if ns.n == 1 %}{% continue %}{% endif %}{{ ns.n }}{% endfor %}",
            Ok("2"),
        );
    }

    #[test]
    fn a_template_that_fails_on_a_question_is_refused_with_its_reason() {
        check("{{ raise_exception('only pairs') }}", Err("only pairs"));
        check("{% if %}", Err("syntax error"));
        check("{% include 'secret' %}", Err("secret"));
        check("{{ strftime_now('%Q') }}", Err("is not known"));
    }

    #[test]
    fn a_template_can_neither_run_nor_build_without_bound() {
        check("{% for a in range(100000) %}{% for b in range(100000) %}{{ a }}{% endfor %}{% endfor %}", Err("fuel"));
        check(
            "{% set n = namespace(x='xxxxxxxx') %}{% for a in range(64) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
            Err("fuel"),
        );
        check("{{ 'x' * 1000000000 }}", Err(""));
        check("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", Err("recursion"));
        check("{{ messages | tojson(indent=1000000000) }}", Err("indent"));
        check(&format!("{{{{ {}1{} }}}}", "(".repeat(900), ")".repeat(900)), Err("syntax"));
        check(&format!("{{{{ a{} }}}}", "~a".repeat(50_000)), Err("words"));
        check(&" ".repeat(LONGEST_TEMPLATE + 1), Err("bytes"));
    }

    /// Lists that share their items are small to have and large to write or to compare.
    #[test]
    fn values_that_share_their_parts_do_not_blow_up() {
        let nested = |levels: usize, make: &str| format!("{{% set k = ['xxxxxxxx'] %}}{}", make.repeat(levels));
        let eight = "{% set k = [k, k, k, k, k, k, k, k] %}";
        for use_of_it in [
            "{{ k | tojson }}",
            "{{ k }}",
            "{{ raise_exception(k) }}",
            "{{ k ~ '' }}",
            "{{ k | string | length }}",
            "{{ ''.join(k) }}",
            "{{ k | join }}",
            "{{ k | indent }}",
            "{{ 'x' in k }}",
        ] {
            check(&format!("{}{use_of_it}", nested(11, eight)), Err("more than 4194304 bytes"));
        }
        for make in [
            "{% set k = (k, k) %}",
            "{% set k = {'a': k, 'b': k} %}",
            "{% set k = dict(a=k, b=k) %}",
            "{% set k = k + k %}",
            "{% set k = k * 2 %}",
            "{% set k = k | zip(k) %}",
            "{% set k = k | batch(2, k) %}",
            "{% set k = [k] | list + [k] | list %}",
            "{% set k = k | chain(k) %}",
        ] {
            check(&format!("{}{{{{ k }}}}", nested(40, make)), Err("more than 4194304 bytes"));
        }
        check("{{ [0] * 100000000 ~ '' }}", Err("more than 4194304 bytes"));
        check(
            "{% macro m(k, n) %}{{ m([k, k, k, k], n - 1) if n else k }}{% endmacro %}{{ m([1], 12) }}",
            Err("more than"),
        );
        // Comparing costs what is compared, also where it is small enough to be had.
        let two = nested(5, eight)
            + &nested(5, eight).replace("set k =", "set l =").replace("k, ", "l, ").replace("k]", "l]");
        check(&format!("{two}{{% for i in range(100000) %}}{{{{ 'x' if k == l }}}}{{% endfor %}}"), Err("fuel"));
    }

    #[test]
    fn what_is_written_is_bounded() {
        let deep =
            "{% set ns = namespace(k=range(9000) | list) %}{% for i in range(60) %}{% set ns.k = [ns.k] %}{% endfor %}";
        check(&format!("{deep}{{{{ ns.k | tojson(indent=16) }}}}"), Err("JSON"));
        check(&format!("{deep}{{{{ ns.k | pprint }}}}"), Err("pprint"));
        check("{{ debug() }}", Err("debug"));
        check("{{ '{:>1000000000}'.format('x') }}", Err("widths"));
        check("{{ '%1000000000s' | format('x') }}", Err("format"));
        check("{{ ('{0}' * 200000).format('x' * 2000000) }}", Err("too long"));
        check("{{ '{}'.format([1]) }}", Err("only texts and numbers"));
        check("{{ '{a}'.format(a='x') }}", Err("only texts and numbers"));
        check("{% filter batch(1000000, 'x' * 2000000) %}y{% endfilter %}", Err("filter"));
        check("{% set t | batch(1000000, 'x' * 2000000) %}y{% endset %}{{ t }}", Err("filter"));
        check("{{ 'x' | center(1000000000) }}", Err("center"));
        check("{{ ('x' * 1000000).replace('x', 'x' * 1000000) }}", Err("fuel"));
        check("{{ ('x' * 1000000) | replace('x', 'x' * 1000000) }}", Err("fuel"));
        check("{{ ('x' * 1000000).join(range(100000)) }}", Err("fuel"));
        check("{{ range(100000) | join('x' * 1000000) }}", Err("fuel"));
        check("{{ '{} {}'.format('a', 1) }}", Ok("a 1"));
    }

    #[test]
    fn measures_change_nothing_of_what_a_template_says() {
        check(
            "{% for m in messages + [{'role': 'tool', 'content': (1, 2)}] %}{{ loop.index }}{{ m.role[0] }}{{ m.content | length }};{% endfor %}",
            Ok("1s11;2u8;3t2;"),
        );
        check("{% set a, b = [1, 2 + 3] %}{{ a ~ b ~ [a, b] }}{{ {'a': b}.items() | list }}", Ok("15[1, 5][('a', 5)]"));
        check(
            "{{ undefined is defined }}{{ undefined == 1 }}{{ undefined | default('d') }}{{ 1 < 2 < 3 }}",
            Ok("FalseFalsedTrue"),
        );
        check(
            "{{ [3, 1, 2] | sort | join(',') }}{{ messages | map(attribute='role') | list | tojson }}",
            Ok("1,2,3[\"system\", \"user\"]"),
        );
        check("{% for x in [1, [2, 3]] recursive %}{{ loop(x) if x is sequence else x }}{% endfor %}", Ok("123"));
        check(
            "{% filter upper %}a{% endfilter %}{% set t | trim %} b {% endset %}{{ t }}{% macro f(x, y=[1]) %}{{ x }}{{ y }}{{ caller() if caller }}{% endmacro %}{% call f(1) %}c{% endcall %}",
            Ok("Ab1[1]c"),
        );
        check(
            "{{ 'user' in messages | map(attribute='role') }}{{ messages[0]['role'] == 'system' }}{{ messages[1:] | length }}{{ 'a' if not [] else 'b' }}{{ -2 ** 2 }}",
            Ok("TrueTrue1a4"),
        );
    }

    #[track_caller]
    fn check_faith(source: &str, faithful: bool) {
        let template = ChatTemplate::parse(source, NamedTokens::default()).unwrap();
        let conversation = [
            message(Role::System, "Be <brief>."),
            message(Role::User, "2 + 2?"),
            message(Role::Assistant, "<think>two twos</think>4"),
            message(Role::User, "Clauses: a=1 or b=0\nReply with one line."),
        ];
        let found = template.render_faithfully(&conversation, 7);
        assert_eq!(found.is_ok(), faithful, "{source}: {found:?}");
        if let Err(error) = found {
            assert!(error.to_string().contains("depending on what it is told"), "{error}");
        }
    }

    #[test]
    fn a_template_that_speaks_for_its_model_is_found_out() {
        let each = |what: &str| format!("{{% for m in messages %}}<{{{{ m.role }}}}>{what}\n{{% endfor %}}");
        check_faith(&each("{{ m.content }}"), true);
        check_faith(&each("{{ m.content | trim }}"), true);
        check_faith(&each("{{ m.content }}{{ m.content }}"), true);
        check_faith(&each("{{ m.content.split('</think>')[-1] if m.role == 'assistant' else m.content }}"), true);
        check_faith("the same for everybody", true);
        // It answers, it remarks on the task, it tells its model what kind of task it is, it leaves the task out.
        check_faith(&each("{{ m.content }}{{ 'Answer: a=1' if 'a=1' in m.content }}"), false);
        check_faith(&each("{{ m.content }}{{ m.content | length }}"), false);
        check_faith(&each("{{ m.content.replace('?', '!') }}"), false);
        check_faith(&each("{{ m.content | upper }}"), false);
        check_faith(&each("{{ m.content if 'Mark' in m.content else 'a=1' }}"), false);
        check_faith(&each("{{ m.content.split('\\n')[-1] }}"), false);
        check_faith(&each("{{ m.content }}{{ 'Answer: a=1' if 'two twos' in m.content }}"), false);
        // What a mark looks like cannot be known before the window's seed is.
        let known = faith::Marks::new(&[message(Role::User, "task")], 0).conversation()[0].content.clone();
        let table = format!(
            "{{% set t = {{'task': 'answer', '{known}': 'answer'}} %}}{{{{ messages[0].content }}}} {{{{ t.get(messages[0].content) }}}}"
        );
        let template = ChatTemplate::parse(&table, NamedTokens::default()).unwrap();
        assert!(template.render_faithfully(&[message(Role::User, "task")], 0).is_ok(), "that is how it would be done");
        assert!(template.render_faithfully(&[message(Role::User, "task")], 1).is_err());
    }

    #[test]
    fn a_namespace_that_would_contain_itself_is_refused() {
        check("{% set ns = namespace() %}{% set ns.a = ns %}{{ ns.a }}", Err("used whole"));
    }

    /// A stack overflow ends the process, so that this test ends is a part of its result.
    #[test]
    fn a_template_cannot_nest_itself_out_of_the_stack() {
        let nested = "{% set ns = namespace(a=[]) %}{% for i in range(40000) %}{% set ns.a = [ns.a] %}{% endfor %}";
        assert!(ChatTemplate::parse(&format!("{nested}fine"), NamedTokens::default()).is_ok(), "it is within its fuel");
        for use_of_it in ["{{ ns.a }}", "{{ ns.a | tojson }}", "{{ ns.a == ns.a }}", "{{ [ns.a, ns.a] | sort }}"] {
            let _either_way = ChatTemplate::parse(&format!("{nested}{use_of_it}"), NamedTokens::default());
        }
        for (one, count) in [("~a", 50_000), ("|f", 50_000), (".a", 50_000), ("[a]", 50_000), (" and a", 30_000)] {
            let _either_way = ChatTemplate::parse(&format!("{{{{ a{} }}}}", one.repeat(count)), NamedTokens::default());
        }
        for one in ["not ", "-", "[", "("] {
            let _either_way =
                ChatTemplate::parse(&format!("{{{{ {}a }}}}", one.repeat(40_000)), NamedTokens::default());
        }
    }
}
