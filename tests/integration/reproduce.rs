//! The paper's figures: every run, numbers, drawings and reports; stopped and taken up again.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use daleian::reproduce::{PaperTask, Part, Scale, Settings, Told, fig2, fig3};
use daleian::run::Method;

use crate::support::isa;

const SCALE: Scale = Scale { runs: 2, baseline_runs: 3, parts: [Part { epochs: 0.02, samples: 0.02 }; 3] };

fn settings(out: &Path, threads: usize) -> Settings {
    let methods = vec![Method::Conventional, Method::Dale];
    Settings { out: out.into(), tasks: vec![PaperTask::FlipFlop], methods, scale: SCALE, threads, data: None }
}

fn texts(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap();
    document.descendants().filter_map(|node| node.text()).map(|text| text.trim().to_string()).collect()
}

/// Digits that daleian draws are never taken for MNIST.
#[test]
fn drawn_digits_are_called_that_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let go = AtomicBool::new(false);
    let part = Part { epochs: 0.02, samples: 0.002 };
    let scale = Scale { runs: 1, baseline_runs: 1, parts: [part; 3] };
    let settings =
        Settings { tasks: vec![PaperTask::Images], methods: vec![Method::Dale], scale, ..settings(folder.path(), 2) };
    let result = fig2(&settings, isa(), &go, &mut |_| (), &|_| ()).unwrap().expect("nothing stops it");
    assert_eq!(result.tasks[0].data.as_deref(), Some("drawn digits, not MNIST"));
    fig3(&settings, isa(), &go, &mut |_| (), &|_| ()).unwrap().expect("nothing stops it");
    for figure in ["fig2", "fig3"] {
        let read = |name: &str| fs::read_to_string(folder.path().join(figure).join(name)).unwrap();
        for name in ["report.md", &format!("{figure}.svg")] {
            assert!(read(name).contains("images: drawn digits, not MNIST (the paper: sequential MNIST)"), "{name}");
        }
        let csv = read(&format!("{figure}.csv"));
        let mut ours = csv.lines().filter(|row| row.contains(",images,") && row.contains(",ours,"));
        assert!(ours.all(|row| row.contains("\"drawn digits, not MNIST\"")), "{figure}");
        assert!(!csv.lines().any(|row| row.contains("drawn digits") && row.contains(",paper,")), "{figure}");
    }
}

/// The rows of a CSV that are not times.
fn numbers(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().filter(|line| !line.contains(",seconds,")).map(Into::into).collect()
}

#[test]
fn figure_2_stopped_and_taken_up_again_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, cut) = (folder.path().join("whole"), folder.path().join("cut"));
    let go = AtomicBool::new(false);
    let result = fig2(&settings(&whole, 2), isa(), &go, &mut |_| (), &|_| ()).unwrap().expect("nothing stops it");
    let task = &result.tasks[0];
    // the baseline has a seed more, and the paper's median is computed from its runs
    assert_eq!([task.methods[0].ours.values.len(), task.methods[1].ours.values.len()], [3, 2]);
    assert!((task.methods[1].paper.median.unwrap() - 0.00033).abs() < 5e-6, "{:?}", task.methods[1].paper);

    let (stop, told) = (AtomicBool::new(false), AtomicUsize::new(0));
    let tell = |_: Told| {
        if told.fetch_add(1, Ordering::Relaxed) == 2 {
            stop.store(true, Ordering::Relaxed);
        }
    };
    assert_eq!(fig2(&settings(&cut, 1), isa(), &stop, &mut |_| (), &tell).unwrap(), None);
    assert!(!cut.join("fig2").exists());
    fig2(&settings(&cut, 1), isa(), &go, &mut |_| (), &|_| ()).unwrap().expect("nothing stops it");
    assert_eq!(numbers(&cut.join("fig2/fig2.csv")), numbers(&whole.join("fig2/fig2.csv")));

    let report = fs::read_to_string(whole.join("fig2/report.md")).unwrap();
    assert!(
        report.contains("**QUICK") && report.contains("| dale | paper | 5 |") && report.contains("0.00033"),
        "{report}"
    );
    let texts = texts(&fs::read_to_string(whole.join("fig2/fig2.svg")).unwrap());
    for name in
        ["Epoch", "Test mean squared error", "Weight (0 left out; all beyond in the end bins)", "Synapses in a bin"]
    {
        assert!(texts.iter().any(|text| text == name), "{name}: {texts:?}");
    }
}

#[test]
fn figure_3_prunes_tests_and_trains_on() {
    let folder = tempfile::tempdir().unwrap();
    let go = AtomicBool::new(false);
    let settings = settings(folder.path(), 2);
    // all runs are told of at the beginning, and each is over once
    let (mut all, over) = (0, Mutex::new(Vec::new()));
    let tell = |told: Told| {
        if let Told::Over { job, before, .. } = told {
            assert!(!before);
            over.lock().unwrap().push(job);
        }
    };
    let result = fig3(&settings, isa(), &go, &mut |jobs| all += jobs.len(), &tell).unwrap().expect("nothing stops it");
    let mut over = over.into_inner().unwrap();
    over.sort_unstable();
    assert_eq!((all, over), (8, (0..8).collect()));
    let task = &result.tasks[0];
    assert_eq!(
        task.methods.iter().map(|method| method.pruning).collect::<Vec<_>>(),
        ["top-prob", "random", "magnitude"]
    );
    for method in &task.methods {
        assert_eq!((method.errors.len(), method.retrained.values.len()), (2, 2));
        for (errors, &unpruned) in method.errors.iter().zip(&task.unpruned.values) {
            // with nothing pruned all are the network itself, with everything pruned nothing is left of the method
            assert_eq!((errors.len(), errors[14]), (15, unpruned));
            assert!(errors.iter().all(|error| error.is_finite()));
        }
        assert_eq!(method.errors[0][0], task.methods[0].errors[0][0]);
    }
    // the means of the paper's tables
    assert!((task.methods[0].paper_mean.unwrap() - 0.260).abs() < 5e-4);
    assert!((task.methods[1].paper_mean.unwrap() - 0.443).abs() < 5e-4);

    let model = folder.path().join("runs/flip-flop/dale-top-prob/seed1/model.safetensors");
    let network = daleian::network::Network::load(model).unwrap();
    let kept = network.wiring().recurrent().nnz() as f64 / (128.0 * 128.0);
    assert!((kept - 0.086).abs() < 0.01 && network.sign_violations() == 0, "{kept}");

    // everything is there: called again, no run goes on
    let before = numbers(&folder.path().join("fig3/fig3.csv"));
    let tell = |told: Told| assert!(matches!(told, Told::Over { before: true, .. } | Told::Doing(_)), "{told:?}");
    fig3(&settings, isa(), &go, &mut |_| (), &tell).unwrap().expect("nothing stops it");
    assert_eq!(numbers(&folder.path().join("fig3/fig3.csv")), before);
    // at sparsity 0 nothing is taken from the tree, and top-prob keeps more of it than chance
    let overlap = |task: &str, pruning: &str, sparsity: &str| -> f64 {
        let head = format!("fig3,tree,{task},,,{pruning},ours,,,{sparsity},overlap_mean,");
        before.iter().find_map(|row| row.strip_prefix(&head)).unwrap_or_else(|| panic!("{head}")).parse().unwrap()
    };
    assert_eq!([overlap("theory-n50", "random", "0"), overlap("theory-n50", "top-prob", "0")], [1.0; 2]);
    assert!(overlap("theory-n50", "top-prob", "0.5") > overlap("theory-n50", "random", "0.5") + 0.1);
    let report = fs::read_to_string(folder.path().join("fig3/report.md")).unwrap();
    for part in ["Seeds of the networks: 1, 2.", "median, paper", "every network, in the order of seeds", "paper’s GPU"]
    {
        assert!(report.contains(part), "{part}: {report}");
    }
    let texts = texts(&fs::read_to_string(folder.path().join("fig3/fig3.svg")).unwrap());
    for name in ["Connection probability", "Epoch", "Sparsity", "Share of the tree that survives"] {
        assert!(texts.iter().any(|text| text == name), "{name}: {texts:?}");
    }
}
