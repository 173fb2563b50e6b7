//! Prints and writes what was measured: `report FOLDER-OF-CRITERION JSON`, or `report --sizes` for what is
//! the same in each run.
//!
//! Each section begins with a line `== NAME`.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use kuvert_benches::report::{self, Section};
use kuvert_benches::results::Results;

fn main() -> ExitCode {
    if let Some(file) = report::verify_program() {
        report::verify_file(Path::new(&file));
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--sizes"] => print(&report::constant()),
        [criterion, json] => {
            let mut sections = report::measured(&Results(criterion.into()));
            sections.extend(report::constant());
            sections.push(report::transcript());
            print(&sections);
            let text = format!("{:#}\n", report::json(&sections));
            if let Err(error) = fs::write(json, text) {
                eprintln!("report: {json}: {error}");
                return ExitCode::FAILURE;
            }
        }
        _ => {
            eprintln!("usage: report FOLDER-OF-CRITERION JSON, or report --sizes");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn print(sections: &[Section]) {
    for section in sections {
        println!("== {}\n{}", section.name, section.text);
    }
}
