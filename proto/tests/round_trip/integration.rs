//! What is asked and answered of integrations and access policies.

use dt_cred_proto::{
    message::{
        Action, Claim, Create, Created, Grant, Granted, Integration, IntegrationSubject, Integrations,
        Manage, Managed, Operation, Policies, Policy, Response, Rotate, Rotated, Save, SecretStatus, Stored,
    },
    uuid::Uuid,
};
use proptest::{collection::vec, option, prelude::*};

use crate::{Opaque, failure, keyring, number, profile, secret, string, text};

fn uuid() -> impl Strategy<Value = Uuid> {
    "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
        .prop_map(|text| text.parse().expect("the pattern is the rule"))
}

fn claims() -> impl Strategy<Value = Vec<Claim>> {
    vec((text(), text()).prop_map(|(name, value)| Claim { name, value }), 0..3)
}

fn subject() -> impl Strategy<Value = IntegrationSubject> {
    prop_oneof![uuid().prop_map(IntegrationSubject::Id), profile().prop_map(IntegrationSubject::Profile),]
}

/// An operation of an Owner.
pub(crate) fn manage() -> impl Strategy<Value = Opaque<Operation>> {
    let save = (profile(), option::of(keyring())).prop_map(|(profile, keyring)| Save { profile, keyring });
    let create = (text(), claims(), any::<bool>(), option::of(save), any::<bool>()).prop_map(
        |(display_name, claims, owner, save, reveal)| {
            Opaque(Action::Create(Create { display_name, claims, owner, save, reveal }))
        },
    );
    let rotate = (profile(), option::of(uuid()), option::of(keyring()), option::of(number())).prop_map(
        |(profile, client_id, keyring, due)| {
            Opaque(Action::Rotate(Rotate { profile, client_id, keyring, due }))
        },
    );
    let grant =
        (subject(), vec(text(), 0..3), any::<bool>(), any::<bool>(), option::of(text()), any::<bool>())
            .prop_map(|(subject, asset_types, read, write, display_name, dry_run)| {
                Opaque(Action::Grant(Grant { subject, asset_types, read, write, display_name, dry_run }))
            });
    let action = prop_oneof![
        create,
        rotate,
        grant,
        option::of(string()).prop_map(|page| Opaque(Action::List { page })),
        subject().prop_map(|subject| Opaque(Action::Show(subject))),
        subject().prop_map(|subject| Opaque(Action::Delete(subject))),
        (subject(), option::of(string()))
            .prop_map(|(subject, page)| Opaque(Action::Policies { subject, page })),
        uuid().prop_map(|id| Opaque(Action::Policy(id))),
        uuid().prop_map(|id| Opaque(Action::Revoke(id))),
    ];
    (profile(), action)
        .prop_map(|(owner, Opaque(action))| Opaque(Operation::Manage(Box::new(Manage { owner, action }))))
}

fn integration() -> impl Strategy<Value = Integration> {
    let dates = (any::<Option<i64>>(), any::<Option<i64>>());
    (uuid(), text(), claims(), vec(text(), 0..3), dates, vec(profile(), 0..3)).prop_map(
        |(client_id, display_name, claims, roles, (valid_from, valid_until), profiles)| Integration {
            client_id,
            display_name,
            claims,
            roles,
            valid_from,
            valid_until,
            profiles,
        },
    )
}

fn policy() -> impl Strategy<Value = Policy> {
    (uuid(), text(), vec(text(), 0..3), vec(text(), 0..3), any::<bool>(), any::<bool>()).prop_map(
        |(id, display_name, filters, subjects, read, write)| Policy {
            id,
            display_name,
            filters,
            subjects,
            read,
            write,
        },
    )
}

fn stored() -> impl Strategy<Value = Stored> {
    (profile(), keyring(), text(), option::of(number())).prop_map(
        |(profile, keyring, lasts, expires_in_ms)| Stored { profile, keyring, lasts, expires_in_ms },
    )
}

/// The answer to one.
pub(crate) fn managed() -> impl Strategy<Value = Opaque<Response>> {
    let created = (integration(), option::of(stored()), option::of(secret())).prop_map(
        |(integration, stored, secret)| {
            let secret = secret.map(|Opaque(secret)| secret);
            Opaque(Managed::Created(Box::new(Created { integration, stored, secret })))
        },
    );
    let unkept = (integration(), secret(), failure()).prop_map(|(integration, Opaque(secret), failure)| {
        let created = Box::new(Created { integration, stored: None, secret: Some(secret) });
        Opaque(Managed::Unkept { created, failure })
    });
    let integrations = (vec(integration(), 0..3), option::of(string()), vec(profile(), 0..3)).prop_map(
        |(integrations, next, unread)| {
            Opaque(Managed::Integrations(Integrations { integrations, next, unread }))
        },
    );
    let rotated = (profile(), uuid(), any::<Option<i64>>(), option::of(stored())).prop_map(
        |(profile, client_id, valid_until, stored)| {
            Opaque(Managed::Rotated(Rotated { profile, client_id, valid_until, stored }))
        },
    );
    let granted = (uuid(), option::of(policy()), string()).prop_map(|(client_id, policy, body)| {
        Opaque(Managed::Granted(Box::new(Granted { client_id, policy, body })))
    });
    let policies =
        (uuid(), vec(policy(), 0..3), option::of(string())).prop_map(|(client_id, policies, next)| {
            Opaque(Managed::Policies(Policies { client_id, policies, next }))
        });
    let deleted =
        (uuid(), vec(profile(), 0..3)).prop_map(|(id, profiles)| Opaque(Managed::Deleted { id, profiles }));
    let managed = prop_oneof![
        created,
        integrations,
        integration().prop_map(|one| Opaque(Managed::Integration(Box::new(one)))),
        deleted,
        rotated,
        granted,
        policies,
        policy().prop_map(|policy| Opaque(Managed::Policy(Box::new(policy)))),
        uuid().prop_map(|id| Opaque(Managed::Revoked(id))),
        unkept,
    ];
    managed.prop_map(|Opaque(managed)| Opaque(Response::Managed(Box::new(managed))))
}

/// How long secrets are valid.
pub(crate) fn secrets() -> impl Strategy<Value = Opaque<Response>> {
    let status = (profile(), any::<Option<i64>>(), option::of(profile()))
        .prop_map(|(profile, valid_until, rotation)| SecretStatus { profile, valid_until, rotation });
    vec(status, 0..4).prop_map(|secrets| Opaque(Response::Secrets(secrets)))
}
