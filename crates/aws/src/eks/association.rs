//! The association of a subject: found, created, changed in place, tagged, deleted.
//! Cluster, namespace and ServiceAccount or what was found in; a fact or an answer out. Finding takes two calls for one
//! that is there and one for one that is not; each write is one call.
//! `Errors` of all methods: the call failed, see [`AwsError::class`].
