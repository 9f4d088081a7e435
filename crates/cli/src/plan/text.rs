//! A plan as text for people. Input: the report. Output: lines. No I/O.

use std::collections::BTreeMap;

use super::item::{ChangeKind, Depth, FieldChange, PlanItem, PlannedStep, State};
use crate::envelope::{Envelope, Unread};
use crate::screen::{Screen, Tone};

/// Writes the whole report.
pub(super) fn render(report: &Envelope<PlanItem>, screen: &mut Screen, wide: bool, diff: bool) {
    for item in &report.items {
        render_item(item, screen, wide, diff);
    }
    render_unread(&report.unread, screen);
    screen.put(Tone::Strong, &total(&report.items)).end();
}

fn render_item(item: &PlanItem, screen: &mut Screen, wide: bool, diff: bool) {
    screen.put(Tone::Strong, &format!("{}/{}", item.namespace, item.name));
    for part in heading(item) {
        screen.put(Tone::Faint, &format!("   {part}"));
    }
    screen.end();
    let tone = match item.state {
        State::Planned => Tone::Careful,
        State::Invalid | State::Rejected | State::Unknown => Tone::Bad,
    };
    for message in &item.messages {
        screen.put(tone, &format!("  ! {message}")).end();
    }
    render_steps(&item.steps, screen, wide, diff);
    for field in &item.fields {
        render_field(field, screen);
    }
    for event in &item.waiting_for {
        screen
            .put(Tone::Faint, &format!("  ... then waits for {event}"))
            .end();
    }
    if wide {
        for line in &item.drift {
            let shown = |value: &Option<String>| value.as_deref().unwrap_or("(none)").to_owned();
            let text = format!(
                "  ~ {} {} ({}): desired {}, observed {}",
                line.resource,
                line.field,
                line.cause,
                shown(&line.desired),
                shown(&line.observed)
            );
            screen.put(Tone::Faint, &text).end();
        }
    }
    if nothing(item) {
        screen.put(Tone::Good, "  nothing to change").end();
    }
}

fn nothing(item: &PlanItem) -> bool {
    let silent = item.steps.is_empty() && item.fields.is_empty() && item.messages.is_empty();
    item.state == State::Planned && silent && item.waiting_for.is_empty() && item.unread.is_empty()
}

fn heading(item: &PlanItem) -> Vec<String> {
    let source = match item.depth {
        Depth::Full => "from cluster and AWS",
        Depth::Status => "from status alone",
        Depth::Offline => "from files alone, for new objects",
    };
    let state = match item.state {
        State::Planned => None,
        State::Invalid => Some("invalid: nothing would be applied"),
        State::Rejected => Some("rejected: nothing would be applied"),
        State::Unknown => Some("not known"),
    };
    let parts = [
        item.method.clone(),
        item.class.as_ref().map(|class| format!("class {class}")),
        item.file.clone(),
        item.deleting.then(|| "being deleted".to_owned()),
        item.suspended
            .then(|| "suspended: these steps do not run".to_owned()),
        Some(state.unwrap_or(source).to_owned()),
    ];
    parts.into_iter().flatten().collect()
}

fn render_steps(steps: &[PlannedStep], screen: &mut Screen, wide: bool, diff: bool) {
    let width = steps
        .iter()
        .map(|step| step.text.chars().count())
        .max()
        .unwrap_or_default()
        .min(90)
        + 3;
    for (number, step) in steps.iter().enumerate() {
        let effects = step.effects.join(", ");
        screen.cell(Tone::Faint, &format!("{:>3}  ", number + 1), 5);
        screen.cell(Tone::Plain, &step.text, width);
        screen.put(tone(&step.effects), &effects);
        if wide {
            screen.put(Tone::Faint, &format!("   {} in wave {}", step.step, step.wave));
        }
        screen.end();
        for line in step.diff.iter().filter(|_| diff) {
            screen.put(diff_tone(line), &format!("       {line}")).end();
        }
    }
}

fn diff_tone(line: &str) -> Tone {
    match line.chars().next() {
        Some('+') => Tone::Good,
        Some('-') => Tone::Bad,
        Some(_) | None => Tone::Faint,
    }
}

fn tone(effects: &[&str]) -> Tone {
    let has = |names: &[&str]| effects.iter().any(|effect| names.contains(effect));
    if has(&["narrows", "unbinds", "removes", "restarts"]) {
        Tone::Bad
    } else if has(&["widens", "binds"]) {
        Tone::Careful
    } else {
        Tone::Faint
    }
}

fn render_field(field: &FieldChange, screen: &mut Screen) {
    let (sign, tone) = match field.change {
        ChangeKind::Added => ("+", Tone::Good),
        ChangeKind::Changed => ("~", Tone::Careful),
        ChangeKind::Removed => ("-", Tone::Bad),
    };
    screen.put(tone, &format!("  {sign} {}", field.field)).end();
}

/// Writes the block with everything that could not be read.
pub(crate) fn render_unread(unread: &[Unread], screen: &mut Screen) {
    if unread.is_empty() {
        return;
    }
    screen.put(Tone::Bad, "NOT READ").end();
    let width = |part: fn(&Unread) -> &str| {
        let longest = unread.iter().map(|line| part(line).chars().count()).max();
        longest.unwrap_or_default().min(60) + 3
    };
    let (resource, cause) = (width(|line| &line.resource), width(|line| &line.cause));
    for line in unread {
        screen.cell(Tone::Plain, &format!("  {}", line.resource), resource + 2);
        screen.cell(Tone::Plain, &line.cause, cause);
        screen.put(Tone::Faint, &line.consequence).end();
    }
}

/// The last line: the number of changes by effect.
pub(super) fn total(items: &[PlanItem]) -> String {
    let changing = items.iter().filter(|item| item.would_change()).count();
    let failed = items
        .iter()
        .filter(|item| matches!(item.state, State::Invalid | State::Rejected))
        .count();
    let mut effects: BTreeMap<&str, usize> = BTreeMap::new();
    for (effect, count) in items.iter().flat_map(PlanItem::effects) {
        *effects.entry(effect).or_default() += count;
    }
    let order = lanyard_core::reconcile::step::StepEffect::ALL;
    let counts: Vec<String> = order
        .iter()
        .filter_map(|effect| Some(format!("{} {}", effects.get(effect.as_str())?, effect.as_str())))
        .collect();
    let steps = items
        .iter()
        .flat_map(|item| &item.steps)
        .filter(|step| step.runs)
        .count();
    let fields: usize = items.iter().map(|item| item.fields.len()).sum();
    let mut text = format!("{changing} of {} would change", counted(items.len(), "object"));
    if steps > 0 {
        text.push_str(&format!(": {} ({})", counted(steps, "step"), counts.join(", ")));
    }
    if fields > 0 {
        text.push_str(&format!(": {}", counted(fields, "field")));
    }
    if failed > 0 {
        text.push_str(&format!("; {failed} cannot be applied"));
    }
    text
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}
