//! What is in every tenant without being put there: Microsoft's own APIs, and the app of the Azure CLI.

use super::{app::App, model::Api};

/// The Azure CLI. (Azure/azure-cli, `src/azure-cli-core/azure/cli/core/auth/constants.py`)
pub const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
/// Microsoft Graph's client id.
pub const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
/// Azure Resource Manager's client id.
pub const MANAGEMENT: &str = "797f4846-ba00-4fd7-ba43-dac1f8f63013";

/// Client ids and identifier URIs. Microsoft's are known with and without the slash at their end, and the token's audience
/// is whichever was asked for. (learn.microsoft.com, "Verify first-party Microsoft applications in sign-in reports";
/// Azure/azure-cli, `src/azure-cli-core/azure/cli/core/cloud.py`)
const APIS: &[(&str, &[&str])] = &[
    (GRAPH, &["https://graph.microsoft.com", "https://graph.microsoft.us", "https://microsoftgraph.chinacloudapi.cn"]),
    (
        MANAGEMENT,
        &[
            "https://management.azure.com",
            "https://management.core.windows.net",
            "https://management.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net",
            "https://management.chinacloudapi.cn",
            "https://management.core.chinacloudapi.cn",
        ],
    ),
    ("e406a681-f3d4-42a8-90b6-c2b029497af1", &["https://storage.azure.com"]),
    (
        "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
        &["https://vault.azure.net", "https://vault.usgovcloudapi.net", "https://vault.azure.cn"],
    ),
    ("022907d3-0f1b-48f7-badc-1ba6abab6d66", &["https://database.windows.net"]),
    ("123cd850-d9df-40bd-94d5-c9f07b7fa203", &["https://ossrdbms-aad.database.windows.net"]),
    ("80a10ef9-8168-493d-abf9-3297c4ef6e3c", &["https://servicebus.azure.net"]),
    ("80369ed6-5f11-4dd9-bef3-692475845e77", &["https://eventhubs.azure.net"]),
    ("7d312290-28c8-473c-a0ed-8e53749b6d6d", &["https://cognitiveservices.azure.com"]),
    ("499b84ac-1321-427f-aa17-267ca6975798", &["https://app.vssps.visualstudio.com"]),
];

/// Microsoft's APIs. They take tokens of version 1.
pub(super) fn apis() -> Vec<Api> {
    let api = |(app_id, identifiers): &(&str, &[&str])| {
        let both = identifiers.iter().flat_map(|&uri| [uri.to_owned(), format!("{uri}/")]);
        Api { identifiers: both.collect(), ..Api::new(app_id, &[], 1) }
    };
    APIS.iter().map(api).collect()
}

/// The Azure CLI's app: of Microsoft's own, so that an API which has not let it in cannot be consented to. Its scopes at Graph
/// are few, nobody can add to them, and files and sites are not among them. (Azure/azure-cli#12986)
pub(super) fn azure_cli() -> App {
    let graph = ["AuditLog.Read.All", "Directory.AccessAsUser.All", "Group.ReadWrite.All", "User.ReadWrite.All"];
    let mut app = App { multi_tenant: true, first_party: true, ..App::public(AZURE_CLI, "", &["http://localhost"]) };
    for (app_id, _) in APIS {
        let scopes: &[&str] = if *app_id == GRAPH { &graph } else { &["user_impersonation"] };
        app = app.with_scopes(app_id, scopes);
    }
    app
}
