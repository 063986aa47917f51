//! A decision as a sentence, built from the values that made it.

use crate::duel::{Better, Decision, EnvironmentEvidence, Reason, Verdict};
use crate::heat::{HeatDecision, HeatReason};

/// The caller's names of the parties.
pub trait Names {
    /// The champion.
    fn champion(&self) -> String;
    /// The challenger.
    fn challenger(&self) -> String;
    /// An environment, by index.
    fn environment(&self, environment: usize) -> String;
}

/// Names the champion that results, and the test and the number of tasks that settled it.
pub fn explain(decision: &Decision, names: &dyn Names) -> String {
    let (champion, challenger) = (names.champion(), names.challenger());
    let tasks = format!(
        "after {} in {}",
        count(decision.tasks_used, "task"),
        count(decision.environments.len(), "environment")
    );
    let head = match decision.verdict {
        Verdict::Dethroned => format!("{challenger} dethrones {champion} {tasks}"),
        Verdict::Defended => format!("{champion} stays champion {tasks}"),
        Verdict::Undecided => format!("{champion} stays champion, undecided {tasks}"),
    };
    format!("{head}: {}.", because(decision, names))
}

fn because(decision: &Decision, names: &dyn Names) -> String {
    let challenger = names.challenger();
    let at = |environment: usize| {
        let evidence = &decision.environments[environment];
        format!("in {} ({})", names.environment(environment), scores(evidence))
    };
    // An environment is settled by "not worse" or by "better", as the settings ask, and then by "not worse than the guard".
    let deciding = |environment: usize| {
        let evidence = &decision.environments[environment];
        match decision.better {
            Better::OnAverage | Better::Somewhere => evidence.noninferiority_log_e,
            Better::Strict => evidence.superiority_log_e,
        }
    };
    match decision.reason {
        Reason::Better if decision.better == Better::Strict => {
            let least = (1..decision.environments.len())
                .fold(0, |least, other| if deciding(other) < deciding(least) { other } else { least });
            format!(
                "it is better everywhere, least surely {} (odds of at least {} to 1 against \"no better there\"; {} were \
                 needed in each){}",
                at(least),
                odds(deciding(least)),
                odds(decision.needed_log_e),
                guarded(decision, names),
            )
        }
        Reason::Better => {
            let worst = extreme(decision, |left, right| left < right);
            let (better, refuted) = match decision.better {
                Better::OnAverage => (format!("{} on average", signed(average(decision))), "no better on average"),
                _ => (at(extreme(decision, |left, right| left > right)), "nowhere better"),
            };
            format!(
                "it is worse nowhere (its least gain is {}) and better, {better} (odds of at least {} to 1 against \
                 \"{refuted}\"; {} were needed){}",
                at(worst),
                odds(decision.superiority_log_e),
                odds(decision.needed_log_e),
                guarded(decision, names),
            )
        }
        Reason::Futile => format!(
            "{challenger} gains {} on average, too little to go on (odds of {} to 1 against a gain worth the tasks; {} were \
             needed)",
            signed(average(decision)),
            odds(decision.futility_log_e),
            odds(decision.needed_futility_log_e),
        ),
        Reason::Inferior { environment } => format!(
            "{challenger} falls short {} (odds of {} to 1)",
            at(environment),
            odds(decision.environments[environment].inferiority_log_e),
        ),
        Reason::BelowGuard { environment } => format!(
            "{challenger} falls short of the guard, a champion of earlier reigns, in {} ({})",
            names.environment(environment),
            decision.environments[environment].guard.as_ref().map_or_else(String::new, |guard| {
                format!(
                    "{} on {}, odds of {} to 1",
                    signed(guard.difference),
                    count(guard.counted, "task"),
                    odds(guard.inferiority_log_e)
                )
            }),
        ),
        Reason::BudgetSpent { environment } if decision.environments[environment].settled_after.is_some() => format!(
            "the budget was spent in {} with odds of {} to 1 that {challenger} is not worse there than the guard, a champion \
             of earlier reigns, where {} were needed",
            names.environment(environment),
            odds(decision.environments[environment].guard.as_ref().map_or(0.0, |guard| guard.noninferiority_log_e)),
            odds(decision.needed_log_e),
        ),
        Reason::BudgetSpent { environment } => format!(
            "the budget was spent {} with odds of {} to 1 that {challenger} is good enough there, where {} were needed",
            at(environment),
            odds(deciding(environment)),
            odds(decision.needed_log_e),
        ),
        Reason::NotBetter => format!(
            "{challenger} is worse nowhere, but the budget was spent with odds of {} to 1 that it is better {}, where {} were \
             needed",
            odds(decision.superiority_log_e),
            if decision.better == Better::OnAverage { "on average" } else { "anywhere" },
            odds(decision.needed_log_e),
        ),
        Reason::MoreTasksNeeded => match decision.next_environment {
            Some(environment) => {
                format!("the scores end there; more tasks are needed, first of all {}", at(environment))
            }
            None => "the scores end there".to_owned(),
        },
    }
}

/// The guard's part in a victory, in words; nothing without a guard.
fn guarded(decision: &Decision, names: &dyn Names) -> String {
    let guards = decision.environments.iter().enumerate();
    let guards = guards.filter_map(|(environment, evidence)| evidence.guard.as_ref().map(|guard| (environment, guard)));
    let least = guards.reduce(|least, other| if other.1.difference < least.1.difference { other } else { least });
    least.map_or_else(String::new, |(environment, guard)| {
        format!(
            ", nor is it worse than the guard, a champion of earlier reigns (least in {}: {} on {})",
            names.environment(environment),
            signed(guard.difference),
            count(guard.counted, "task"),
        )
    })
}

fn scores(evidence: &EnvironmentEvidence) -> String {
    if evidence.counted == 0 {
        return "no task counted yet".to_owned();
    }
    // With reference tasks the difference is not that of the two means: they take luck out of it.
    let plain = evidence.challenger_mean - evidence.champion_mean;
    let referenced = (plain - evidence.difference).abs() >= 5e-4;
    format!(
        "{:.3} against {:.3}, {}{} on {}, between {} and {}",
        evidence.challenger_mean,
        evidence.champion_mean,
        signed(evidence.difference),
        if referenced { " by reference tasks" } else { "" },
        count(evidence.counted, "task"),
        signed(evidence.interval.0),
        signed(evidence.interval.1),
    )
}

fn extreme(decision: &Decision, better: impl Fn(f64, f64) -> bool) -> usize {
    let difference = |environment: usize| decision.environments[environment].difference;
    (1..decision.environments.len())
        .fold(0, |best, other| if better(difference(other), difference(best)) { other } else { best })
}

fn average(decision: &Decision) -> f64 {
    let sum: f64 = decision.environments.iter().map(|evidence| evidence.difference).sum();
    sum / decision.environments.len().max(1) as f64
}

fn signed(value: f64) -> String {
    format!("{value:+.3}")
}

/// The odds a log wealth amounts to, for people.
fn odds(log_e: f64) -> String {
    match log_e {
        log if log >= libm::log(1e6) => format!("10^{:.0}", (log / std::f64::consts::LN_10 + 1e-12).floor()),
        // The way there and back through the logarithm loses a bit, which must not turn 20 into 19.
        log if log >= std::f64::consts::LN_10 => format!("{:.0}", (libm::exp(log) * (1.0 + 1e-12)).floor()),
        log => format!("{:.2}", libm::exp(log)),
    }
}

/// Tells how a heat ended, and by which test.
pub fn explain_heat(heat: &HeatDecision, names: &dyn Names) -> String {
    let challenger = names.challenger();
    let tasks = format!("after {} in each environment", count(heat.tasks, "task"));
    let gain = heat.differences.iter().sum::<f64>() / heat.differences.len().max(1) as f64;
    let reached = format!(
        "odds of {} to 1 against \"no better on average\", where {} let through",
        odds(heat.log_e),
        odds(heat.needed_log_e)
    );
    match heat.reason {
        HeatReason::Passed if heat.tasks == 0 => format!("{challenger} needs no heat."),
        HeatReason::Passed => {
            format!("{challenger} gets through its heat {tasks}: it gains {} on average ({reached}).", signed(gain))
        }
        HeatReason::Futile => {
            format!("{challenger} is dropped {tasks}: it gains {} on average, too little for a bout.", signed(gain))
        }
        HeatReason::Inferior { environment } => format!(
            "{challenger} is dropped {tasks}: it falls short in {} ({}).",
            names.environment(environment),
            signed(heat.differences[environment])
        ),
        HeatReason::TasksSpent => {
            format!(
                "{challenger} does not get through its heat {tasks}: it gains {} on average ({reached}).",
                signed(gain)
            )
        }
        HeatReason::MoreTasksNeeded => format!("the heat of {challenger} is not at its end {tasks}."),
    }
}

/// A number with its noun, in the plural unless it is 1.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if number == 1 => format!("1 {noun}"),
        Some(stem) => format!("{number} {stem}ies"),
        None => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duel::{Duel, DuelSettings, duel};
    use crate::scores::{Pair, PairedScores};

    struct Example;

    impl Names for Example {
        fn champion(&self) -> String {
            "ada/one".to_owned()
        }
        fn challenger(&self) -> String {
            "bob/two".to_owned()
        }
        fn environment(&self, environment: usize) -> String {
            ["sat", "coding"][environment].to_owned()
        }
    }

    fn check(first: &[(f64, f64)], second: &[(f64, f64)], repeats: usize, settings: &DuelSettings, expected: &[&str]) {
        let pairs = |pattern: &[(f64, f64)]| {
            (0..repeats)
                .flat_map(|_| pattern.iter().map(|(champion, challenger)| Pair::new(*champion, *challenger)))
                .collect()
        };
        let scores = PairedScores { environments: vec![pairs(first), pairs(second)] };
        let sentence = explain(&duel(&scores, settings, 0.01).expect("valid"), &Example);
        for part in expected {
            assert!(sentence.contains(part), "{part:?} is missing in: {sentence}");
        }
        assert!(sentence.ends_with('.') && !sentence.contains("NaN"), "{sentence}");
    }

    #[test]
    fn every_way_to_end_is_told_with_its_numbers() {
        let settings = DuelSettings { budget: 60, ..DuelSettings::default() };
        let (win, loss, tie) = ((0.0, 1.0), (1.0, 0.0), (1.0, 1.0));
        check(
            &[win],
            &[win],
            50,
            &settings,
            &["bob/two dethrones ada/one", "worse nowhere", "in sat (1.000 against 0.000", "100 were needed"],
        );
        check(&[loss], &[loss], 50, &settings, &["ada/one stays champion after", "tasks in 2 environments"]);
        check(&[win], &[loss], 50, &settings, &["bob/two falls short in coding (0.000 against 1.000, -1.000 on"]);
        check(&[win], &[tie], 60, &settings, &["undecided", "the budget was spent in coding"]);
        check(
            &[tie],
            &[tie],
            5,
            &settings,
            &["undecided after 10 tasks", "the scores end there; more tasks are needed"],
        );
        check(&[], &[], 0, &settings, &["undecided after 0 tasks", "no task counted yet"]);
    }

    #[test]
    fn a_strict_duel_is_told_by_what_decides_it() {
        let settings = DuelSettings { budget: 60, better: Better::Strict, ..DuelSettings::default() };
        let (win, tie) = ((0.0, 1.0), (1.0, 1.0));
        let better = ["bob/two dethrones ada/one", "better everywhere, least surely in sat", "100 were needed in each"];
        check(&[win], &[win], 50, &settings, &better);
        // Ties show that nothing is worse and not that anything is better: no odds for the latter.
        let spent = ["undecided", "the budget was spent in coding", "with odds of 1.00 to 1"];
        check(&[win], &[tie], 60, &settings, &spent);
    }

    #[test]
    fn large_odds_are_told_as_a_power_of_ten() {
        for (log_e, expected) in [(0.0, "1.00"), (-3.0, "0.05"), (5.0, "148"), (20.0, "10^8"), (5_000.0, "10^2171")] {
            assert_eq!(odds(log_e), expected);
        }
        for whole in 10..100_000 {
            assert_eq!(odds(libm::log(f64::from(whole))), whole.to_string());
        }
    }

    #[test]
    fn a_number_takes_the_plural_unless_it_is_one() {
        for (number, expected) in [(0, "0 tasks"), (1, "1 task"), (2, "2 tasks"), (1_000, "1000 tasks")] {
            assert_eq!(count(number, "task"), expected);
        }
    }

    /// Whole sentences, with the values they are built from.
    #[test]
    fn sentences_read_as_they_are_meant_to() {
        let evidence = |champion: f64, challenger: f64, log_e: f64| EnvironmentEvidence {
            tasks: 40,
            counted: 40,
            champion_mean: champion,
            challenger_mean: challenger,
            difference: challenger - champion,
            interval: (challenger - champion - 0.1, challenger - champion + 0.1),
            noninferiority_log_e: log_e,
            superiority_log_e: log_e,
            inferiority_log_e: 4.0,
            weight: 1.0,
            settled_after: None,
            guard: None,
        };
        let decision = |verdict, reason, better| Decision {
            verdict,
            reason,
            better,
            environments: vec![evidence(0.5, 0.75, 6.0), evidence(0.5, 0.5, 3.0)],
            superiority_log_e: 7.0,
            superiority_settled_after: None,
            futility_log_e: 3.5,
            needed_log_e: libm::log(100.0),
            needed_futility_log_e: libm::log(20.0),
            tasks_used: 80,
            rounds: 40,
            next_environment: None,
            alpha: 0.01,
        };
        let check = |verdict, reason, better, expected: &str| {
            assert_eq!(explain(&decision(verdict, reason, better), &Example), expected);
        };
        use Better::{OnAverage, Somewhere, Strict};
        use Verdict::{Defended, Dethroned, Undecided};
        check(
            Dethroned,
            Reason::Better,
            Somewhere,
            "bob/two dethrones ada/one after 80 tasks in 2 environments: it is worse nowhere (its least gain is in coding \
             (0.500 against 0.500, +0.000 on 40 tasks, between -0.100 and +0.100)) and better, in sat (0.750 against 0.500, \
             +0.250 on 40 tasks, between +0.150 and +0.350) (odds of at least 1096 to 1 against \"nowhere better\"; 100 were \
             needed).",
        );
        check(
            Dethroned,
            Reason::Better,
            OnAverage,
            "bob/two dethrones ada/one after 80 tasks in 2 environments: it is worse nowhere (its least gain is in coding \
             (0.500 against 0.500, +0.000 on 40 tasks, between -0.100 and +0.100)) and better, +0.125 on average (odds of at \
             least 1096 to 1 against \"no better on average\"; 100 were needed).",
        );
        check(
            Undecided,
            Reason::NotBetter,
            OnAverage,
            "ada/one stays champion, undecided after 80 tasks in 2 environments: bob/two is worse nowhere, but the budget was \
             spent with odds of 1096 to 1 that it is better on average, where 100 were needed.",
        );
        check(
            Dethroned,
            Reason::Better,
            Strict,
            "bob/two dethrones ada/one after 80 tasks in 2 environments: it is better everywhere, least surely in coding \
             (0.500 against 0.500, +0.000 on 40 tasks, between -0.100 and +0.100) (odds of at least 20 to 1 against \"no \
             better there\"; 100 were needed in each).",
        );
        check(
            Defended,
            Reason::Futile,
            Somewhere,
            "ada/one stays champion after 80 tasks in 2 environments: bob/two gains +0.125 on average, too little to go on \
             (odds of 33 to 1 against a gain worth the tasks; 20 were needed).",
        );
        check(
            Defended,
            Reason::Inferior { environment: 1 },
            Somewhere,
            "ada/one stays champion after 80 tasks in 2 environments: bob/two falls short in coding (0.500 against 0.500, \
             +0.000 on 40 tasks, between -0.100 and +0.100) (odds of 54 to 1).",
        );
        check(
            Undecided,
            Reason::BudgetSpent { environment: 1 },
            Somewhere,
            "ada/one stays champion, undecided after 80 tasks in 2 environments: the budget was spent in coding (0.500 \
             against 0.500, +0.000 on 40 tasks, between -0.100 and +0.100) with odds of 20 to 1 that bob/two is good enough \
             there, where 100 were needed.",
        );
        check(
            Undecided,
            Reason::NotBetter,
            Somewhere,
            "ada/one stays champion, undecided after 80 tasks in 2 environments: bob/two is worse nowhere, but the budget was \
             spent with odds of 1096 to 1 that it is better anywhere, where 100 were needed.",
        );
        check(
            Undecided,
            Reason::MoreTasksNeeded,
            Somewhere,
            "ada/one stays champion, undecided after 80 tasks in 2 environments: the scores end there.",
        );
    }

    #[test]
    fn the_guard_is_told_of_where_there_is_one() {
        let settings = DuelSettings { budget: 60, tolerance: 0.3, ..DuelSettings::default() };
        let told = |guard: f64, tasks: usize| {
            let mut duel = Duel::new(2, &settings, 0.01).expect("valid").guarded();
            let pair = Pair { guard: Some(guard), ..Pair::new(0.0, 1.0) };
            duel.feed(|_, task| (task < tasks).then_some(pair)).expect("valid");
            explain(&duel.decision(), &Example)
        };
        let expected =
            "100 were needed), nor is it worse than the guard, a champion of earlier reigns (least in sat: +0.500 on";
        assert!(told(0.5, 60).contains(expected), "{}", told(0.5, 60));
        let settings = DuelSettings { tolerance: 0.0, ..settings.clone() };
        let mut duel = Duel::new(2, &settings, 0.01).expect("valid").guarded();
        duel.feed(|_, _| Some(Pair { guard: Some(1.0), ..Pair::new(0.0, 1.0) })).expect("valid");
        let sentence = explain(&duel.decision(), &Example);
        let expected =
            "the budget was spent in sat with odds of 1.00 to 1 that bob/two is not worse there than the guard";
        assert!(sentence.contains(expected), "{sentence}");
        let mut duel = Duel::new(2, &settings, 0.01).expect("valid").guarded();
        duel.feed(|_, _| Some(Pair { guard: Some(1.0), ..Pair::new(0.0, 0.5) })).expect("valid");
        let sentence = explain(&duel.decision(), &Example);
        let expected = "bob/two falls short of the guard, a champion of earlier reigns, in sat (-0.500 on";
        assert!(sentence.contains(expected), "{sentence}");
    }

    #[test]
    fn a_difference_by_reference_tasks_is_told_as_one() {
        let pair = |champion, challenger| Pair { reference: Some(1.0), ..Pair::new(champion, challenger) };
        let pairs = vec![pair(1.0, 0.0), pair(0.0, 1.0), pair(0.0, 1.0)];
        let scores = PairedScores { environments: vec![pairs; 2] };
        let sentence = explain(&duel(&scores, &DuelSettings::default(), 0.01).expect("valid"), &Example);
        let part = "(0.667 against 0.333, +0.2";
        assert!(sentence.contains(part) && sentence.contains(" by reference tasks on 3 tasks, between"), "{sentence}");
    }

    #[test]
    fn every_end_of_a_heat_is_told_with_its_numbers() {
        let check = |reason, tasks, expected: &str| {
            let needed_log_e = libm::log(5.0);
            let (passed_after, differences) = (None, vec![0.25, -0.125]);
            let heat = HeatDecision { reason, log_e: 2.0, needed_log_e, tasks, passed_after, differences };
            assert_eq!(explain_heat(&heat, &Example), expected);
        };
        let odds = "(odds of 7.39 to 1 against \"no better on average\", where 5.00 let through)";
        check(
            HeatReason::Passed,
            40,
            &format!(
                "bob/two gets through its heat after 40 tasks in each environment: it gains +0.062 on average {odds}."
            ),
        );
        check(HeatReason::Passed, 0, "bob/two needs no heat.");
        check(
            HeatReason::Futile,
            9,
            "bob/two is dropped after 9 tasks in each environment: it gains +0.062 on average, too little for a bout.",
        );
        check(
            HeatReason::Inferior { environment: 1 },
            1,
            "bob/two is dropped after 1 task in each environment: it falls short in coding (-0.125).",
        );
        check(
            HeatReason::TasksSpent,
            150,
            &format!(
                "bob/two does not get through its heat after 150 tasks in each environment: it gains +0.062 on average {odds}."
            ),
        );
        check(
            HeatReason::MoreTasksNeeded,
            2,
            "the heat of bob/two is not at its end after 2 tasks in each environment.",
        );
    }

    #[test]
    fn odds_are_rounded_down_and_large_ones_told_by_their_power() {
        let check = |log_e: f64, expected: &str| assert_eq!(odds(log_e), expected, "{log_e}");
        check(f64::NEG_INFINITY, "0.00");
        check(0.0, "1.00");
        check(libm::log(0.05), "0.05");
        check(libm::log(9.994), "9.99");
        check(libm::log(20.99), "20");
        check(libm::log(999_999.9), "999999");
        for power in [6, 7, 9, 15, 60, 300] {
            check(libm::log(libm::pow(10.0, f64::from(power))), &format!("10^{power}"));
            check(libm::log(9.9 * libm::pow(10.0, f64::from(power))), &format!("10^{power}"));
        }
    }

    #[test]
    fn of_equal_environments_the_first_is_named() {
        let tie = Pair::new(0.5, 0.5);
        let scores = PairedScores { environments: vec![vec![tie; 4], vec![tie; 4]] };
        let mut decision = duel(&scores, &DuelSettings::default(), 0.01).expect("valid");
        let ends = |decision: &Decision| {
            (extreme(decision, |left, right| left < right), extreme(decision, |left, right| left > right))
        };
        assert_eq!((ends(&decision), average(&decision)), ((0, 0), 0.0));
        decision.environments[1].difference = 0.5;
        assert_eq!((ends(&decision), average(&decision)), ((0, 1), 0.25));
        decision.environments[0].difference = 0.75;
        assert_eq!((ends(&decision), average(&decision)), ((1, 0), 0.625));
    }

    #[test]
    fn gains_are_told_with_their_sign_and_three_decimals() {
        assert_eq!([0.0, 0.1234, -0.0006, 1.0, -1.0].map(signed), ["+0.000", "+0.123", "-0.001", "+1.000", "-1.000"]);
    }

    #[test]
    fn a_noun_is_in_the_plural_unless_there_is_one() {
        assert_eq!([0, 1, 2].map(|number| count(number, "task")), ["0 tasks", "1 task", "2 tasks"]);
        assert_eq!([1, 4].map(|number| count(number, "entry")), ["1 entry", "4 entries"]);
    }
}
