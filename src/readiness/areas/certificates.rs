//! Certificates that expire: those of cert-manager, those in Secrets that may be read, and those
//! of the servers that the API server calls.

use crate::{
    inventory::{LEFT_OUT, Object},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{Check, Needs, Say},
        picture::Picture,
        values::{ago, text},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};

pub(crate) const CHECKS: &[Check] = &[Check {
    id: "SEC-008",
    name: "cert-expiry",
    title: "Certificates are valid for at least 14 more days",
    severity: Severity::High,
    class: Class::Gate,
    gates: &[],
    needs: Needs::Manifests,
    rule: "These certificates are valid for at least 14 more days (one that has expired is critical): cert-manager Certificates on a cluster, which must also be Ready and not more than a day past their renewal time; the caBundle of webhooks, APIServices and CRD conversions; Secrets of type kubernetes.io/tls, in files and those of a cluster that may be read (--read-secrets NAMESPACE/NAME). In a caBundle, the certificate that is valid longest counts; in a Secret, the one that expires first, because each of its chain is needed. A bundle without a readable certificate is medium. In files, values that are empty or encrypted by SOPS, and bundles that cert-manager injects, are not examined.",
    fix: "Renew the certificate now; correct the issuer; raise renewBefore above 14 days",
    why: "If a certificate expires while its issuer is down, its service fails, too.",
    run: certificates,
}];

const SOON: i64 = 14 * 86_400;

fn certificates(p: &Picture<'_>, say: &mut Say) {
    for certificate in p.each("Certificate.cert-manager.io", say) {
        if !p.is_cluster() {
            continue;
        }
        let left = p.age(certificate.text("/status/notAfter")).map(|age| -age);
        let overdue = p.age(certificate.text("/status/renewalTime")).unwrap_or(-1);
        if certificate.condition("Ready") != "True" {
            say.fail(certificate, "/status/conditions", "it is not Ready");
        } else if overdue > 86_400 {
            say.fail(certificate, "/status/renewalTime", format!("it should have been renewed {} ago", ago(overdue)));
        } else if let Some(left) = left {
            judge(certificate.into(), "/status/notAfter", left, say);
        } else {
            say.unknown(certificate, Unseen::NoData, "its status has no notAfter");
        }
    }
    for secret in p.each("Secret", say).into_iter().filter(|s| s.body["type"] == "kubernetes.io/tls") {
        if let Some(bundle) = secret.at("/data/tls.crt").as_str().filter(|t| *t != LEFT_OUT) {
            bundled(p, secret.into(), "/data/tls.crt", bundle, Iterator::min, say);
        }
    }
    for (object, name, pointer, bundle) in bundles(p, say) {
        bundled(p, Subject::from(object).part(name), &pointer, bundle, Iterator::max, say);
    }
}

/// What the annotations begin with by which cert-manager writes a CA bundle.
const INJECT: &str = "cert-manager.io/inject-";

/// The CA bundles that the API server trusts when it calls another server.
fn bundles<'a>(p: &Picture<'a>, say: &mut Say) -> Vec<(&'a Object, &'a str, String, &'a str)> {
    let mut all = vec![];
    for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
        for object in p.all(&format!("{kind}.admissionregistration.k8s.io"), say) {
            for (i, webhook) in object.list("/webhooks").iter().enumerate() {
                let bundle = text(webhook, "/clientConfig/caBundle");
                all.push((object, text(webhook, "/name"), format!("/webhooks/{i}/clientConfig/caBundle"), bundle));
            }
        }
    }
    for (key, pointer) in [
        ("APIService.apiregistration.k8s.io", "/spec/caBundle"),
        ("CustomResourceDefinition.apiextensions.k8s.io", "/spec/conversion/webhook/clientConfig/caBundle"),
    ] {
        for object in p.all(key, say) {
            all.push((object, "", pointer.to_owned(), object.text(pointer)));
        }
    }
    // cert-manager replaces what stands there.
    let injected = |object: &Object| object.metadata.annotations.keys().any(|key| key.starts_with(INJECT));
    all.retain(|(object, .., bundle)| !bundle.is_empty() && (p.is_cluster() || !injected(object)));
    all
}

/// Which of the certificates of a bundle counts.
type Counts = fn(std::vec::IntoIter<i64>) -> Option<i64>;

fn bundled(p: &Picture<'_>, subject: Subject, pointer: &str, bundle: &str, counts: Counts, say: &mut Say) {
    if bundle.is_empty() || bundle.starts_with("ENC[") {
        return say.skip(subject, "its certificate is empty or encrypted in this file");
    }
    if bundle == LEFT_OUT {
        return say.unknown(subject, Unseen::NoData, "the capture leaves this certificate out");
    }
    match counts(ends(bundle).into_iter()) {
        Some(end) => judge(subject, pointer, end - p.now.as_second(), say),
        None => say.fail_as(Severity::Medium, subject, pointer, "it contains no certificate that can be read"),
    }
}

fn judge(subject: Subject, pointer: &str, left: i64, say: &mut Say) {
    if left <= 0 {
        say.fail_as(Severity::Critical, subject, pointer, format!("it expired {} ago", ago(-left)));
    } else if left < SOON {
        say.fail(subject, pointer, format!("it expires in {}", ago(left)));
    } else {
        say.pass(subject);
    }
}

/// The expiries of the certificates in a bundle.
fn ends(bundle: &str) -> Vec<i64> {
    let Ok(bytes) = STANDARD.decode(bundle.trim()) else { return vec![] };
    let blocks = x509_parser::pem::Pem::iter_from_buffer(&bytes).flatten();
    blocks.filter_map(|pem| Some(pem.parse_x509().ok()?.validity().not_after.timestamp())).collect()
}
