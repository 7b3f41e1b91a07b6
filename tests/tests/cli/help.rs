//! What the program says about itself.

use super::*;

/// Every option of `bailiwick run`.
const OPTIONS: [&str; 24] = [
    "--invoke",
    "--argv0",
    "--no-cache",
    "--audit",
    "--dir",
    "--dir-ro",
    "--dir-with",
    "--env",
    "--preload",
    "--tcp-listen",
    "--listen-fds",
    "--stdin",
    "--stdout",
    "--stderr",
    "--escapes",
    "--clock",
    "--random",
    "--deterministic",
    "--timeout",
    "--max-memory",
    "--max-stack",
    "--max-table",
    "--max-exceptions",
    "--max-descriptors",
];

#[test]
fn every_option_is_told_under_a_heading() {
    let place = Place::new();
    let help = place.run(&["--help"]).with(0).silently().out;
    for option in OPTIONS {
        assert!(help.contains(&format!("      {option}")), "{option}: {help}");
    }
    assert!(help.contains("Arguments:\n  <FILE>..."), "{help}");
    for heading in ["Options:", "Grants:", "Standard streams", "Time and randomness", "Limits:", "Examples:"] {
        assert!(help.lines().any(|line| line.starts_with(heading)), "{heading}: {help}");
    }
    let long: Vec<_> = help.lines().filter(|line| line.chars().count() > 130).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn completions_know_every_option() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ended(place.command().args(["completions", shell])).with(0).silently().out;
        for option in OPTIONS {
            let name = option.trim_start_matches('-');
            assert!(script.contains(name), "{shell}: {option}");
        }
    }
    let script = ended(place.command().args(["completions", "bash"])).with(0).out;
    let complete = |words: &str| {
        let ask = format!("COMP_WORDS=(bailiwick {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))");
        let ask = format!(
            "{script}\n{ask}; _bailiwick bailiwick \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\""
        );
        ended(Command::new("bash").args(["-c", &format!("{ask}; echo \"${{COMPREPLY[@]}}\"")])).with(0).silently().out
    };
    assert_eq!(complete("run --max-d"), "--max-descriptors\n");
    assert_eq!(complete("run --escapes ''"), "raw inert\n");
}
