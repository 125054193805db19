//! The report of Figure 2.

use super::super::report::{cell, made_with, table};
use super::super::{FAILED_ABOVE, Settings};
use super::{Fig2, Group, Measure, MethodResult, Outcome, PaperTask, Spread, paper};

pub(super) fn report(settings: &Settings, tasks: &[(PaperTask, &[Group])], result: &Fig2) -> String {
    let mut out = String::from("# Figure 2: ours beside the paper’s\n\n");
    if let Some(warning) = &result.warning {
        out += &format!("**{warning}**\n\n");
    }
    out += "Training with and without Dale’s law, after Balwani, Wang, Najafi, Choi, “Constructing biologically \
            constrained RNNs via Dale’s backpropagation and topologically-informed pruning”, Science Advances 2025. \
            The drawing is `fig2.svg`, every number of it in `fig2.csv`, every run in `../runs/TASK/METHOD/seedN` \
            (the matrices of the weight maps are there, in `model.safetensors`).\n\n";
    let reports = tasks.iter().flat_map(|(_, groups)| groups.iter().flat_map(Group::reports));
    out += &made_with(settings, reports);
    out += &format!("\nThe paper’s numbers: {}\n", paper::fig2_note());
    out += &format!(
        "\nA run counts as failed if its final test MSE is above {FAILED_ABOVE}, or if it diverged. Mean, median, best \
         and worst leave out runs that diverged, and no others.\n"
    );
    for ((task, groups), task_result) in tasks.iter().zip(&result.tasks) {
        let head = task.titled(task_result.data.as_deref());
        out += &format!("\n## {head}\n\n{} after the last epoch:\n\n", task.measure().title());
        out += &summary(*task, &task_result.methods);
        out += "\nEvery run’s final value, in the order of seeds:\n\n";
        out += &every_run(*task, &task_result.methods);
        out += "\nSeconds a run, without pauses:\n\n";
        out += &times(&task_result.methods);
        let diverged = groups.iter().flat_map(|group| {
            group.runs.iter().filter_map(|(job, outcome)| match outcome {
                Outcome::Diverged { message, .. } => Some(format!("- {}: {message}\n", job.name())),
                Outcome::Finished(_) => None,
            })
        });
        let diverged: String = diverged.collect();
        if !diverged.is_empty() {
            out += &format!("\nRuns that diverged:\n\n{diverged}");
        }
    }
    out + &differences(tasks, settings.data.is_some(), result.warning.is_some())
}

fn summary(task: PaperTask, methods: &[MethodResult]) -> String {
    let measure = task.measure();
    let row = |method: &MethodResult, source: &str, spread: &Spread, failed: usize| {
        let number = |value| cell(value, |value| measure.text(value));
        let (best, worst) = match measure {
            Measure::Mse => (spread.least, spread.greatest),
            Measure::Accuracy => (spread.greatest, spread.least),
        };
        let mut cells = vec![method.method.into(), source.into(), spread.values.len().to_string()];
        cells.extend([number(spread.mean), number(spread.median), number(best), number(worst), failed.to_string()]);
        cells
    };
    let rows = methods.iter().flat_map(|method| {
        let ours = row(method, "ours", &method.ours, method.failed);
        let theirs = row(method, "paper", &method.paper, method.paper_failed);
        [Some(ours), (!method.paper.values.is_empty()).then_some(theirs)].into_iter().flatten()
    });
    table(&["method", "source", "runs", "mean", "median", "best", "worst", "failed"], rows)
}

fn every_run(task: PaperTask, methods: &[MethodResult]) -> String {
    let list = |spread: &Spread| {
        let values: Vec<String> = spread.values.iter().map(|&value| task.measure().text(value)).collect();
        if values.is_empty() { "–".into() } else { values.join(", ") }
    };
    let rows = methods.iter().map(|method| {
        let seeds = match method.ours.values.len() {
            1 => "1".into(),
            count => format!("1 to {count}"),
        };
        vec![method.method.into(), seeds, list(&method.ours), list(&method.paper)]
    });
    table(&["method", "our seeds", "ours", "paper"], rows)
}

fn times(methods: &[MethodResult]) -> String {
    let rows = methods.iter().map(|method| {
        let seconds = |value| cell(value, |value| format!("{value:.1}"));
        let faster = method.paper_seconds.zip(method.seconds.median).map(|(theirs, ours)| theirs / ours);
        vec![
            method.method.into(),
            seconds(method.seconds.median),
            seconds(method.seconds.least),
            seconds(method.seconds.greatest),
            cell(method.paper_seconds, |value| format!("{value:.0}")),
            cell(faster, |value| format!("{value:.1}")),
        ]
    });
    table(&["method", "ours, median", "least", "greatest", "paper’s GPU", "paper’s / ours"], rows)
}

fn differences(tasks: &[(PaperTask, &[Group])], mnist: bool, quick: bool) -> String {
    let mut points = vec![
        "Random numbers are daleian’s own: neither starts, data nor orders of samples are those of the notebooks, only \
         their distributions. A seed gives the same start, data and order to every method.",
        "The recurrent layer has one bias where torch’s has two that act as their sum. It starts as the sum of two \
         draws; under Adam torch’s sum moves up to twice as fast.",
        "`rectified` multiplies by the sign of the presynaptic neuron, the paper by the sign of each weight at the \
         start: the same, as no weight starts at 0.",
        "`absolute` and `exponentiated` are no methods of the paper’s figure; their rates are \
         rectified as those of `dale`, and the relative steps of the latter are scaled by a `rate-factor`.",
        "The wave is the one that the paper ran: one sine a channel, both channels to all neurons.",
        "Single precision like the paper’s, sums in another order.",
        "The paper’s times are of one GPU that is not named, ours of one thread a run.",
    ];
    if tasks.iter().any(|(task, groups)| {
        task.fails_by_chance() && groups.iter().any(|group| group.runs.len() > paper::curves(*task, group.method).len())
    }) {
        points.push(
            "Where the paper has five runs, the conventional and the rectified flip-flop have more seeds here: they \
             fail by chance, and five runs say little about how often.",
        );
    }
    if tasks.iter().any(|(task, _)| *task == PaperTask::Images) && !mnist {
        points.push(
            "**The images are not MNIST**: they are digits that daleian draws itself, of MNIST\u{2019}s shape and number. \
             `--data DIR` reads MNIST\u{2019}s files.",
        );
    }
    if quick {
        points.push("This is a taste: fewer runs, epochs and samples than the paper, as said above.");
    }
    let mut out = String::from("\n## What differs in setting\n\n");
    for point in points {
        out += &format!("- {point}\n");
    }
    out
}
