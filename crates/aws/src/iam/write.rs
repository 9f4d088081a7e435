//! What Lanyard does to a role: one method for each kind of step, one call each.
//! A role's ARN and what to set in; nothing or the role's id out. What is gone already is success for every removal.
//! `Errors` of all methods: the call failed, see [`AwsError::class`].
