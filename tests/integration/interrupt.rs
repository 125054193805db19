//! Stopped by Ctrl-C or killed at any moment, a run goes on and ends with the same bits.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::{Answer, Place, Tree, config, tree, without_seconds};

/// Long enough to be caught in the middle, short enough to wait for; checkpoints at other steps than epochs end.
fn long(place: &Place) {
    let edits = [("epochs = 3", "epochs = 400"), ("[connectome]", "[checkpoint]\nsteps = 4\n[connectome]")];
    place.write("own.toml", config(&edits));
}

/// What must be the same however often a run was stopped.
fn kept(place: &Place, folder: &str) -> Tree {
    let mut files = tree(&place.path(folder));
    // the only times: seconds
    files.remove(Path::new("summary.json")).unwrap();
    files.remove(Path::new("checkpoint.safetensors")).unwrap();
    let metrics = files.get_mut(Path::new("metrics.csv")).unwrap();
    *metrics = without_seconds(std::str::from_utf8(metrics).unwrap()).join("\n").into_bytes();
    files
}

fn assert_same(got: &Tree, want: &Tree) {
    assert_eq!(got.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>());
    for (name, content) in want {
        assert!(got[name] == *content, "{} differs", name.display());
    }
}

fn start(place: &Place, words: &str) -> Child {
    place.command(words.split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until `metrics.csv` has `rows` rows, or the process has ended.
fn wait_for_rows(place: &Place, folder: &str, rows: usize, child: &mut Child) {
    let began = Instant::now();
    let metrics = place.path(folder).join("metrics.csv");
    let there = || std::fs::read_to_string(&metrics).map_or(0, |text| text.lines().count().saturating_sub(1));
    while there() < rows && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(120), "no {rows} epochs in two minutes");
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn interrupt(child: &Child) {
    let done = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

#[test]
fn ctrl_c_says_how_to_go_on_and_nothing_is_lost() {
    let place = Place::own();
    long(&place);
    place.done("train own.toml --out whole");
    // a machine that stalls this process may let the run end first: then once more, in another folder
    let stopped = (0..10).find_map(|attempt| {
        let folder = format!("it's run {attempt}");
        let mut child = place
            .command(["train", "own.toml", "--threads", "1", "--out", &folder])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for_rows(&place, &folder, 1, &mut child);
        if child.try_wait().unwrap().is_none() {
            interrupt(&child);
        }
        let answer = Answer::from(child.wait_with_output().unwrap());
        (answer.code != Some(0)).then_some((folder, answer))
    });
    let (folder, answer) = stopped.expect("one of ten runs is caught before it ends");
    assert_eq!((answer.code, answer.out.as_str()), (Some(130), ""), "{answer:?}");
    assert!(answer.err.contains("stopping after this step") && answer.err.contains("stopped after "), "{answer:?}");
    assert!(!answer.err.contains("panicked") && !answer.err.contains("error"), "{answer:?}");
    assert!(!place.path(&folder).join("model.safetensors").exists());
    let model = format!("{folder}/checkpoint.safetensors");
    assert_eq!(place.run(["evaluate", &model, "data.npz"]).code, Some(0));

    // the very line that was printed, in a shell
    let line = answer.err.lines().find_map(|line| line.strip_prefix("to go on: ")).expect("a command to go on with");
    assert!(line.starts_with("daleian train own.toml --threads 1 --out ") && line.ends_with(" --resume"), "{line}");
    let binary = Path::new(env!("CARGO_BIN_EXE_daleian")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(binary.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let resumed =
        Command::new("sh").args(["-c", line]).env("PATH", path.unwrap()).current_dir(place.path("")).output().unwrap();
    assert!(resumed.status.success(), "{resumed:?}");
    assert_same(&kept(&place, &folder), &kept(&place, "whole"));
}

#[test]
fn killed_at_any_moment_a_run_goes_on_with_the_same_bits() {
    let place = Place::own();
    long(&place);
    place.done("train own.toml --out whole");
    let mut killed = 0;
    // epochs to wait for, and a moment more: at the start, between files, within a file
    for (rows, moment) in
        [(0, 0), (0, 4000), (1, 0), (9, 700), (30, 1500), (60, 200), (90, 3000), (200, 1000), (330, 0)]
    {
        let resume = if place.path("run/config.toml").exists() { " --resume" } else { "" };
        let mut child = start(&place, &format!("train own.toml --out run{resume}"));
        wait_for_rows(&place, "run", rows, &mut child);
        std::thread::sleep(Duration::from_micros(moment));
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().code().is_none());
        // whatever file is there is whole
        if place.path("run/checkpoint.safetensors").exists() {
            place.done("evaluate run/checkpoint.safetensors data.npz");
        }
    }
    assert!(killed >= 1, "{killed} runs were killed, the others had ended: too short for this test");
    place.done("train own.toml --out run --resume");
    assert_same(&kept(&place, "run"), &kept(&place, "whole"));
}

/// What a killed process leaves beside the files, in the folder and among the figures, goes when the run goes on.
#[test]
fn stale_temporary_files_are_removed() {
    let place = Place::own();
    std::fs::create_dir_all(place.path("run/figures")).unwrap();
    for folder in ["run", "run/figures"] {
        place.write(format!("{folder}/.daleian-abc123.tmp"), "half a fi");
    }
    place.done("train own.toml --out run");
    place.done("train own.toml --out clean");
    assert_same(&kept(&place, "run"), &kept(&place, "clean"));
}
