//! What Services answer, what logs keep, and what Velero does with the data.

use serde_json::json;

use super::{
    Case, case,
    looks::{Look, STOREFRONT, within},
};

const CLAIM: &str = "data-orders-0";

/// The content of the log after four lines were appended.
async fn four_lines(look: &Look) -> Vec<String> {
    for line in ["line 1", "line 2", "line 3", "line 4"] {
        look.append(line).await;
    }
    look.log().await.lines().map(str::to_owned).collect()
}

/// The existing backup: its age in hours, how it ended, and whether it contains volumes.
async fn old_backup(look: &Look) -> Option<(i64, String, bool)> {
    let backup = look.world.velero.find("backups", "old").await.unwrap()?;
    let begun: jiff::Timestamp = backup["status"]["startTimestamp"].as_str().unwrap().parse().unwrap();
    let hours = look.world.clock.wall().duration_since(begun).as_hours();
    let volumes = look.world.velero.volumes("old").await.is_ok_and(|all| all.iter().any(|v| v.is_captured()));
    Some((hours, backup["status"]["phase"].as_str().unwrap().to_owned(), volumes))
}

/// The checksums of a volume before it is lost, and after it was restored.
async fn before_and_after(look: &Look) -> (String, String) {
    let before = look.checksum(CLAIM, "before").await;
    assert_eq!(look.lose_and_restore().await, "Completed");
    look.wait(30).await;
    (before, look.checksum(CLAIM, "after").await)
}

pub const CASES: &[Case] = &[
    case!("{at: 10s, for: 20s, what: {answers: {service: web, namespace: shop, status: 503, body: not ok}}}", |look| {
        assert_eq!(look.text(STOREFRONT).await, "ok\n");
        look.wait(15).await;
        let refused = look.text(STOREFRONT).await.contains("503");
        look.wait(20).await;
        assert_eq!(look.text(STOREFRONT).await, "ok\n");
        refused
    }),
    case!("{at: 0s, what: {answers: {service: web, namespace: shop, body: not ok}}}", |look| {
        look.text(STOREFRONT).await == "not ok"
    }),
    case!("{at: 0s, what: {answers: {service: web, namespace: shop, takes: 4s}}}", |look| {
        within(3, look.text(STOREFRONT)).await.is_none() && look.text(STOREFRONT).await == "ok\n"
    }),
    case!("{at: 0s, what: {answers: {service: web, namespace: shop, hangs: true}}}", |look| {
        within(8, look.text(STOREFRONT)).await.is_none()
    }),
    case!("{at: 0s, what: {log: {pod: orders-0, namespace: shop, does: loses, oneIn: 2}}}", |look| {
        four_lines(&look).await == ["line 1", "line 3"]
    }),
    case!("{at: 0s, what: {log: {pod: orders-0, namespace: shop, does: duplicates, oneIn: 3}}}", |look| {
        four_lines(&look).await == ["line 1", "line 2", "line 3", "line 3", "line 4"]
    }),
    case!("{at: 0s, what: {log: {pod: orders-0, namespace: shop, does: damages, oneIn: 4}}}", |look| {
        four_lines(&look).await == ["line 1", "line 2", "line 3", "lin"]
    }),
    case!("{at: 0s, what: {log: {pod: orders-0, namespace: shop, does: unanswered}}}", |look| {
        let acknowledged = look.append("line 1").await;
        !acknowledged && look.log().await == "line 1\n"
    }),
    case!("{at: 30s, what: {log: {pod: orders-0, namespace: shop, does: forgets, oneIn: 2}}}", |look| {
        assert_eq!(four_lines(&look).await.len(), 4);
        look.wait(31).await;
        look.log().await == "line 1\nline 3\n"
    }),
    case!("{at: 0s, what: {velero: {does: backupsPartlyFail}}}", |look| look.backup("b").await == "PartiallyFailed"),
    case!("{at: 0s, what: {velero: {does: restoresPartlyFail}}}", |look| {
        let phase = look.lose_and_restore().await;
        phase == "PartiallyFailed" && look.object("/api/v1/namespaces/shop/services/web").await.is_null()
    }),
    // The store is back after the entry has ended.
    case!("{at: 0s, for: 1m, what: {velero: {does: storeUnavailable}}}", |look| {
        let failed = look.backup("b").await == "FailedValidation";
        let unread =
            look.refusal("http://vault.sim/BackupContents/nightly-20260101000000").await.contains("no connection");
        look.wait(60).await;
        assert_eq!(look.backup("c").await, "Completed");
        failed && unread
    }),
    case!("{at: 0s, what: {volumeData: {claim: data-orders-0, namespace: shop, does: notCaptured}}}", |look| {
        assert_eq!(look.backup("b").await, "Completed");
        let volumes = look.world.velero.volumes("b").await.unwrap();
        !volumes.iter().any(|v| v.pvc_name == CLAIM) && volumes.iter().any(|v| v.pvc_name == "data-orders-1")
    }),
    case!("{at: 0s, what: {volumeData: {claim: data-orders-0, namespace: shop, does: notRestored}}}", |look| {
        let (before, after) = before_and_after(&look).await;
        before.contains("./data") && after == "begin\nend\n"
    }),
    case!("{at: 0s, what: {volumeData: {claim: data-orders-0, namespace: shop, does: altered}}}", |look| {
        let (before, after) = before_and_after(&look).await;
        after.contains("./data") && before != after
    }),
    case!("{at: 0s, what: {backup: {name: old, age: 30h, namespaces: [shop], schedule: nightly}}}", |look| {
        let of = look.world.velero.find("backups", "old").await.unwrap().unwrap_or_default();
        let labelled = of["metadata"]["labels"]["velero.io/schedule-name"] == "nightly";
        labelled && old_backup(&look).await == Some((30, "Completed".into(), true))
    }),
    case!(
        "{at: 0s, what: {backup: {name: old, age: 2h, namespaces: [shop], phase: PartiallyFailed, withoutVolumes: true}}}",
        |look| old_backup(&look).await == Some((2, "PartiallyFailed".into(), false))
    ),
    case!("{at: 0s, what: {backup: {name: old, age: 1h, namespaces: [shop], phase: Failed}}}", |look| {
        old_backup(&look).await == Some((1, "Failed".into(), false))
    }),
    case!("{at: 0s, what: {backup: {name: old, age: 1h, namespaces: [shop], phase: InProgress}}}", |look| {
        look.wait(300).await;
        let of = look.world.velero.find("backups", "old").await.unwrap().unwrap_or_default();
        of["status"] != json!(null) && of["status"]["phase"] == "InProgress"
    }),
    case!("{at: 0s, what: {backup: {name: old, age: 1h, namespaces: [shop], phase: Completed}}}", |look| {
        look.velero("Restore", "from-old", json!({"backupName": "old", "includedNamespaces": ["shop"]})).await
            == "Completed"
    }),
];
