//! Whether a caller may make a request, by RBAC alone. This asks the roles and bindings that the checks judge, with the
//! same rules. A lab test compares the answers with those of a real API server.

use super::{Rights, Rule, Subject};
use crate::inventory::ObjectSet;

/// The name of a service account as a user.
const ACCOUNT: &str = "system:serviceaccount:";
/// The user that the API server takes a request without credentials for.
const ANONYMOUS: &str = "system:anonymous";
const KNOWN: &str = "system:authenticated";
const UNKNOWN: &str = "system:unauthenticated";

/// Who makes a request: a user with its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    name: String,
    groups: Vec<String>,
}

impl Caller {
    /// A user, with the groups that it has besides those that the API server gives to everybody.
    pub fn user(name: &str, groups: &[&str]) -> Self {
        let of_all = if name == ANONYMOUS { UNKNOWN } else { KNOWN };
        let groups = groups.iter().copied().chain([of_all]).map(str::to_owned).collect();
        Self { name: name.to_owned(), groups }
    }

    /// A service account, with all its groups.
    pub fn account(namespace: &str, name: &str) -> Self {
        let of_namespace = format!("system:serviceaccounts:{namespace}");
        Self::user(&format!("{ACCOUNT}{namespace}:{name}"), &["system:serviceaccounts", &of_namespace])
    }

    /// A subject of a binding as a caller. For a group, it is a user without a name that is in this group.
    pub(crate) fn of(subject: &Subject<'_>) -> Self {
        match subject.kind {
            "ServiceAccount" => Self::account(subject.namespace, subject.name),
            "Group" if subject.name == UNKNOWN => Self { name: String::new(), groups: vec![UNKNOWN.to_owned()] },
            "Group" => Self::user("", &[subject.name]),
            _ => Self::user(subject.name, &[]),
        }
    }

    /// Its name as a user.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All its groups.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Whether a binding for this subject applies to it.
    pub(crate) fn is(&self, subject: &Subject<'_>) -> bool {
        match subject.kind {
            "User" => self.name == subject.name,
            "Group" => self.groups.iter().any(|group| group == subject.name),
            "ServiceAccount" => {
                let rest = self.name.strip_prefix(ACCOUNT).and_then(|rest| rest.strip_prefix(subject.namespace));
                !subject.namespace.is_empty() && rest.and_then(|rest| rest.strip_prefix(':')) == Some(subject.name)
            }
            _ => false,
        }
    }
}

/// The namespace and the name of a service account, by its name as a user.
pub(super) fn account_of(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(ACCOUNT)?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty()).then_some((namespace, name))
}

/// A request to the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// For a resource.
    Resource {
        /// The verb, such as `get`.
        verb: &'a str,
        /// The API group; empty for the core group.
        group: &'a str,
        /// The resource, with its subresource: `pods/log`.
        resource: &'a str,
        /// The namespace; empty for all namespaces and for cluster-scoped objects.
        namespace: &'a str,
        /// The name of the object; empty for a request that names none.
        name: &'a str,
    },
    /// For a path that is not a resource, such as `/metrics`.
    Path {
        /// The verb, such as `get`.
        verb: &'a str,
        /// The path.
        path: &'a str,
    },
}

impl Request<'_> {
    /// The namespace whose RoleBindings count; none if only ClusterRoleBindings count.
    fn namespace(&self) -> Option<&str> {
        match self {
            Self::Resource { namespace, .. } => Some(*namespace).filter(|namespace| !namespace.is_empty()),
            Self::Path { .. } => None,
        }
    }
}

impl Rule<'_> {
    /// Whether it allows a request.
    fn allows(&self, request: &Request<'_>) -> bool {
        match *request {
            Request::Resource { verb, group, resource, name, .. } => {
                let named = self.names.is_empty() || self.names.contains(&name);
                named && self.covers(verb, group, resource)
            }
            Request::Path { verb, path } => self.covers_path(verb, path),
        }
    }
}

impl Rights<'_> {
    /// Whether a caller may make a request.
    pub(crate) fn allows(&self, caller: &Caller, request: &Request<'_>) -> bool {
        let namespace = request.namespace();
        let applies = |wide: bool, here: &str| wide || namespace == Some(here);
        self.bindings
            .iter()
            .filter(|b| applies(b.wide, &b.object.metadata.namespace))
            .filter(|b| b.subjects().any(|(_, subject)| caller.is(&subject)))
            .filter_map(|b| self.role(b))
            .flat_map(|role| &role.rules)
            .any(|rule| rule.allows(request))
    }
}

/// What the roles and bindings of an input allow, with the default roles of Kubernetes.
#[derive(Debug)]
pub struct Permissions<'a>(Rights<'a>);

impl<'a> Permissions<'a> {
    /// Evaluates the roles and bindings of an input.
    pub fn of(object_set: &'a ObjectSet) -> Self {
        Self(Rights::of(object_set))
    }

    /// Whether RBAC allows a caller this request. The other authorizers of an API server, such as that for nodes, may
    /// allow more.
    pub fn allow(&self, caller: &Caller, request: &Request<'_>) -> bool {
        self.0.allows(caller, request)
    }
}
