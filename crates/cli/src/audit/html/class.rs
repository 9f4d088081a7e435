//! The classes of the style for forms and levels. Plain values; no I/O.

use lanyard_core::audit::Form;

/// The class of a form in the style.
pub(super) fn class(form: Form) -> &'static str {
    match form {
        Form::StaticKey => "f0",
        Form::Profile => "f1",
        Form::WebIdentity => "f2",
        Form::ContainerEndpoint => "f3",
        Form::PodIdentity => "f4",
        Form::Proxy => "f5",
        Form::NodeRole => "f6",
    }
}

/// The class of a level in the style.
pub(super) fn level_class(level: &str) -> &'static str {
    match level {
        "fault" => "bad",
        "warning" => "warn",
        _ => "dim",
    }
}
