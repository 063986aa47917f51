//! Python source and English description of a program, written step by step.

use super::{
    ValueKind,
    steps::{Code, StepText},
};
use crate::seed::Draws;

/// A program in the making.
pub(super) struct Writer {
    lines: Vec<String>,
    sentences: Vec<String>,
    reads: ValueKind,
    kind: ValueKind,
    variable: &'static str,
}

impl Writer {
    /// Begins with the line that reads the input.
    pub(super) fn begin(draws: &mut Draws, reads: ValueKind) -> Self {
        let variable = *draws.choose(reads.variable_names());
        let line = match reads {
            ValueKind::Number => format!("{variable} = int(input())"),
            ValueKind::Text => format!("{variable} = input()"),
            ValueKind::Numbers => format!("{variable} = [int(v) for v in input().split()]"),
            ValueKind::Words => format!("{variable} = input().split()"),
        };
        Self { lines: vec![line], sentences: Vec::new(), reads, kind: reads, variable }
    }

    /// Kind of the current value.
    pub(super) fn kind(&self) -> ValueKind {
        self.kind
    }

    /// Adds a step whose output is used by the next one.
    pub(super) fn add(&mut self, draws: &mut Draws, gives: ValueKind, step: StepText) {
        self.sentences.push(step.english);
        match step.code {
            Code::Expression(code) => {
                let code = code.replace("$x", self.variable);
                // A value of another kind gets another name; the same kind keeps its name.
                if gives != self.kind {
                    self.variable = *draws.choose(gives.variable_names());
                }
                self.lines.push(format!("{} = {code}", self.variable));
            }
            Code::Statements(code) => self.add_statements(draws, gives, &code),
        }
        self.kind = gives;
    }

    /// Adds the last step and prints its output.
    pub(super) fn add_last(&mut self, draws: &mut Draws, gives: ValueKind, step: StepText) {
        self.sentences.push(step.english);
        // The last expression is printed without a variable, as a programmer would.
        let printed = match step.code {
            Code::Expression(code) => code.replace("$x", self.variable),
            Code::Statements(code) => {
                self.add_statements(draws, gives, &code);
                self.variable.to_owned()
            }
        };
        self.kind = gives;
        self.lines.push(if gives.is_list() { format!("print(*{printed})") } else { format!("print({printed})") });
    }

    /// Python source.
    pub(super) fn source(&self) -> String {
        self.lines.join("\n")
    }

    /// English description.
    pub(super) fn description(&self) -> String {
        let read = match self.reads {
            ValueKind::Number => "Read a line that holds an integer.",
            ValueKind::Text => "Read a line that holds a text.",
            ValueKind::Numbers => "Read a line of integers separated by spaces.",
            ValueKind::Words => "Read a line of words separated by spaces.",
        };
        let print = match self.kind.is_list() {
            false => "Print the result.",
            true => "Print the result on one line, separated by spaces.",
        };
        format!("{read} Take it and do this: {}. {print}", self.sentences.join("; then "))
    }

    fn add_statements(&mut self, draws: &mut Draws, gives: ValueKind, code: &[String]) {
        // Statements read their input while they write their output, so the two never share a name.
        let free: Vec<&'static str> =
            gives.variable_names().iter().copied().filter(|name| *name != self.variable).collect();
        let output = *draws.choose(&free);
        self.lines.extend(code.iter().map(|line| line.replace("$x", self.variable).replace("$y", output)));
        self.variable = output;
    }
}
