//! Python source of a program, written step by step.

use super::{
    ValueKind,
    steps::{Code, StepText},
};
use crate::seed::Draws;

/// A program in the making.
#[derive(Clone)]
pub(super) struct Writer {
    /// Lines of each step; nothing may stand between the lines of one.
    blocks: Vec<Vec<String>>,
    sentences: Vec<String>,
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
        Self { blocks: vec![vec![line]], sentences: Vec::new(), kind: reads, variable }
    }

    /// The same program without its lines so far, for one of two ways on.
    pub(super) fn branch(&self) -> Self {
        Self { blocks: Vec::new(), sentences: Vec::new(), ..self.clone() }
    }

    /// Kind of the current value.
    pub(super) fn kind(&self) -> ValueKind {
        self.kind
    }

    /// Sentences of the steps, in order.
    pub(super) fn sentences(&self) -> &[String] {
        &self.sentences
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
                self.blocks.push(vec![format!("{} = {code}", self.variable)]);
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
        self.blocks.push(vec![if gives.is_list() {
            format!("print(*{printed})")
        } else {
            format!("print({printed})")
        }]);
    }

    /// Adds one of two ways, by a condition on the current value.
    pub(super) fn add_branches(&mut self, condition: &str, ways: [&Self; 2]) {
        let lines = |way: &Self| way.blocks.iter().flatten().map(|line| format!("    {line}")).collect::<Vec<_>>();
        let mut block = vec![format!("if {}:", condition.replace("$x", self.variable))];
        block.extend(lines(ways[0]));
        block.push("else:".to_owned());
        block.extend(lines(ways[1]));
        self.blocks.push(block);
    }

    /// Puts lines that are no step before, between and after the steps.
    pub(super) fn scatter(&mut self, draws: &mut Draws, lines: Vec<String>) {
        for line in lines {
            let place = draws.index(self.blocks.len());
            self.blocks.insert(place, vec![line]);
        }
    }

    /// Python source.
    pub(super) fn source(&self) -> String {
        self.blocks.concat().join("\n")
    }

    fn add_statements(&mut self, draws: &mut Draws, gives: ValueKind, code: &[String]) {
        // Statements read their input while they write their output, so the two never share a name.
        let free: Vec<&'static str> =
            gives.variable_names().iter().copied().filter(|name| *name != self.variable).collect();
        let output = *draws.choose(&free);
        let lines = code.iter().map(|line| line.replace("$x", self.variable).replace("$y", output));
        self.blocks.push(lines.collect());
        self.variable = output;
    }
}
