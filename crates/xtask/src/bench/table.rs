//! Output of the bench: each scenario as it ends, and at the end one table of the targets.
//! Inputs: numbers. Output: lines on standard output, with colour only on a terminal.

use console::style;

use super::report::{Measured, Report, Target};

/// One scenario, as it ends.
pub fn print_one(measured: &Measured) {
    let Measured {
        scenario,
        size,
        until,
        seconds,
        calls,
        resident_mb,
        peak_mb,
        anonymous_mb,
        cpu_seconds,
        details,
        ..
    } = measured;
    println!(
        "\n{} {}",
        style("▸").cyan().bold(),
        style(format!("{scenario}, size {size}")).bold()
    );
    println!("  {seconds:.1} s until {until}");
    println!(
        "  {} calls of AWS, {} of them writes, {} throttled; {resident_mb:.1} MB resident (at most {peak_mb:.1}, \
         anonymous {anonymous_mb:.1}), {cpu_seconds:.1} s of processor",
        calls.calls, calls.writes, calls.throttled
    );
    for (what, number) in details {
        println!("    {number:>10.2}  {what}");
    }
    for (operation, count) in &calls.by_operation {
        println!("    {count:>10}  {operation}");
    }
}

/// All targets.
pub fn print(report: &Report) {
    let rows = report.measured.iter();
    let rows: Vec<_> = rows
        .flat_map(|measured| measured.targets.iter().map(move |target| (measured, target)))
        .collect();
    let widest = rows
        .iter()
        .map(|(_, target)| target.what.len())
        .max()
        .unwrap_or_default();
    println!(
        "\n{:<10} {:>6}  {:<widest$} {:>10} {:>10}",
        style("scenario").bold(),
        style("size").bold(),
        style("target").bold(),
        style("at most").bold(),
        style("observed").bold()
    );
    for (measured, target) in rows {
        let Target {
            what,
            limit,
            observed,
            ..
        } = target;
        println!(
            "{:<10} {:>6}  {what:<widest$} {limit:>10.2} {observed:>10.2}  {}",
            measured.scenario,
            measured.size,
            verdict(target)
        );
    }
}

fn verdict(target: &Target) -> console::StyledObject<&'static str> {
    match target.met {
        true => style("met").green(),
        false => style("missed").red().bold(),
    }
}
