//! A full disk: one message, the old files whole, nothing half-written.
//!
//! Each scenario is a shell script in a mount namespace of its own, where `$DISK` is a small tmpfs; what the test looks
//! at is copied to `$KEPT` outside of it.

use std::process::Command;

use crate::command::{Answer, Place, config, rules, take_apart};

/// Runs `script` in `place` with `$DISK` of `size` bytes, `$KEPT` and `$DALEIAN`; `None` if no such disk can be had here
/// (and this is not forbidden by `DALEIAN_REQUIRE_TMPFS`).
fn on_small_disk(place: &Place, size: usize, script: &str) -> Option<Answer> {
    let mount = format!("mount -t tmpfs -o size={size} tmpfs \"$DISK\"");
    for folder in ["disk", "kept"] {
        std::fs::create_dir_all(place.path(folder)).unwrap();
    }
    let within = |options: &[&str], script: &str| {
        let mut command = Command::new("unshare");
        command.args(options).args(["sh", "-c", script]).current_dir(place.path(""));
        command.env("DISK", place.path("disk")).env("KEPT", place.path("kept"));
        command.env("DALEIAN", env!("CARGO_BIN_EXE_daleian")).output()
    };
    // as root; else as the root of a user namespace
    let ways: [&[&str]; 2] = [&["--mount"], &["--map-root-user", "--mount"]];
    let Some(way) = ways.into_iter().find(|way| within(way, &mount).is_ok_and(|output| output.status.success())) else {
        let problem = "no tmpfs can be mounted: neither as root nor in a user namespace";
        assert!(std::env::var_os("DALEIAN_REQUIRE_TMPFS").is_none(), "{problem}");
        println!("not run: {problem}");
        return None;
    };
    Some(within(way, &format!("set -e\n{mount}\n{script}")).unwrap().into())
}

/// The one message of the command whose exit code was written to `kept/NAME.code`.
fn message(place: &Place, name: &str) -> String {
    let answer = Answer {
        code: Some(place.text(format!("kept/{name}.code")).trim().parse().unwrap()),
        out: place.text(format!("kept/{name}.out")),
        err: place.text(format!("kept/{name}.err")),
    };
    answer.message(2).to_string()
}

/// A command of a script that may fail: its answer goes to `$KEPT/NAME.*`.
fn step(name: &str, words: &str) -> String {
    format!("code=0; $DALEIAN {words} >$KEPT/{name}.out 2>$KEPT/{name}.err || code=$?; echo $code >$KEPT/{name}.code\n")
}

/// Writes until nothing fits any more.
const FILL: &str = "dd if=/dev/zero of=$DISK/filler bs=4096 2>/dev/null || true\n";

#[test]
fn a_run_that_meets_a_full_disk_keeps_its_last_checkpoint() {
    let place = Place::own();
    // a checkpoint of some 400 kB, so that one fits and the next one beside it does not
    let large = [("size = 12", "size = 150"), ("probability = 0.5", "probability = 0.9")];
    place.write("own.toml", rules(&large));
    place.done("train own.toml --out whole");
    let checkpoint = place.read("whole/checkpoint.safetensors").len();
    assert!(checkpoint > 300_000, "{checkpoint}");
    let script = [
        "dd if=/dev/zero of=$DISK/filler bs=65536 count=128 2>/dev/null\n",
        &step("train", "train own.toml --out $DISK/run"),
        "ls -A $DISK/run >$KEPT/names\n",
        "cp $DISK/run/checkpoint.safetensors $DISK/run/config.toml $KEPT\n",
        "rm $DISK/filler\n",
        &step("resume", "train own.toml --out $DISK/run --resume"),
        "cp $DISK/run/model.safetensors $KEPT\n",
    ];
    let Some(answer) = on_small_disk(&place, (8 << 20) + checkpoint * 3 / 2, &script.concat()) else { return };
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let error = message(&place, "train");
    assert!(error.contains("run/checkpoint.safetensors: cannot write: No space left"), "{error}");
    assert_eq!(place.text("kept/names"), "checkpoint.safetensors\nconfig.toml\nmetrics.csv\nneurons.csv\n");
    // the data are elsewhere, as the folder sees it
    let settings =
        |file: &str| place.text(file).lines().filter(|line| !line.starts_with("file = ")).collect::<String>();
    assert_eq!(settings("kept/config.toml"), settings("whole/config.toml"));
    place.done("evaluate kept/checkpoint.safetensors data.npz");
    // with room again, it goes on as if nothing had been
    assert_eq!(place.text("kept/resume.code"), "0\n", "{}", place.text("kept/resume.err"));
    let numbers = |file: &str| take_apart(&place.read(file)).1;
    assert!(numbers("kept/model.safetensors") == numbers("whole/model.safetensors"));
}

#[test]
fn a_finished_run_stays_whole_when_its_disk_is_full() {
    let place = Place::own();
    place.write("more.toml", config(&[("epochs = 3", "epochs = 6")]));
    let script = [
        &step("first", "train own.toml --out $DISK/run"),
        "cp -r $DISK/run $KEPT/before\n",
        FILL,
        &step("resume", "train own.toml --out $DISK/run --resume --epochs 6"),
        &step("new", "train own.toml --out $DISK/other"),
        &step("again", "evaluate $DISK/run/checkpoint.safetensors data.npz"),
        "ls -A $DISK >$KEPT/names\n",
        "ls -A $DISK/other >$KEPT/other 2>/dev/null || true\n",
        "cp -r $DISK/run $KEPT/after\n",
    ];
    let Some(answer) = on_small_disk(&place, 1 << 20, &script.concat()) else { return };
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(place.text("kept/first.code"), "0\n");
    let error = message(&place, "resume");
    assert!(error.contains("run/config.toml: cannot write: No space left"), "{error}");
    let error = message(&place, "new");
    assert!(error.contains("/other") && error.contains("No space left"), "{error}");
    assert_eq!((place.text("kept/again.code"), place.text("kept/other")), ("0\n".into(), String::new()));
    let (before, after) =
        (crate::command::tree(&place.path("kept/before")), crate::command::tree(&place.path("kept/after")));
    assert!(before == after && before.len() > 6);
}

#[test]
fn results_that_do_not_fit_leave_the_old_ones() {
    let place = Place::own();
    place.done("train own.toml --out run");
    let model = "run/model.safetensors data.npz";
    let script = [
        &step("ready", &format!("gradient {model} --out $DISK/g.safetensors")),
        "cp $DISK/g.safetensors $DISK/out.npz\n",
        FILL,
        &step("gradient", &format!("gradient {model} --out $DISK/g.safetensors")),
        &step("outputs", &format!("evaluate {model} --outputs $DISK/out.npz")),
        &step("stdout", "presets").replace(">$KEPT/stdout.out", ">/dev/full"),
        "touch $KEPT/stdout.out\n",
        "ls -A $DISK >$KEPT/names\n",
        "cmp $DISK/g.safetensors $DISK/out.npz\n",
    ];
    let Some(answer) = on_small_disk(&place, 1 << 16, &script.concat()) else { return };
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(place.text("kept/ready.code"), "0\n");
    for (name, file) in [("gradient", "g.safetensors"), ("outputs", "out.npz"), ("stdout", "stdout")] {
        let error = message(&place, name);
        assert!(error.contains(&format!("{file}: cannot write: No space left")), "{error}");
    }
    assert_eq!(place.text("kept/names"), "filler\ng.safetensors\nout.npz\n");
}
