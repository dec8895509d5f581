//! `GET /metadata/endpoints`: where a cloud's services are. It is what `az cloud register --endpoint-resource-manager` and
//! Terraform's `metadata_host` read.
//! (Azure/azure-cli, `azure/cli/core/cloud.py`, `_arm_to_cli_mapper`; hashicorp/go-azure-sdk, `sdk/environments`, and its
//! `metadata` client, which takes one object of API version 2022-09-01 and a list of earlier ones)

use serde_json::{Value, json};

use super::AUDIENCES;
use crate::wire::Received;

/// The document, with every address that a login needs at the origin that was asked. Names of resources stay the real ones, since
/// tokens are for those.
pub(super) fn document(received: &Received, version: &str) -> Value {
    let origin = received.origin();
    let document = json!({
        "name": NAME,
        "portal": origin,
        "authentication": {
            "loginEndpoint": origin,
            "audiences": [AUDIENCES[0], AUDIENCES[2]],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": format!("{origin}/"),
        "graph": "https://graph.windows.net/",
        "graphAudience": "https://graph.windows.net/",
        "microsoftGraphResourceId": "https://graph.microsoft.com/",
        "gallery": "https://gallery.azure.com/",
        "batch": "https://batch.core.windows.net/",
        "media": "https://rest.media.azure.net",
        "sqlManagement": "https://management.core.windows.net:8443/",
        "activeDirectoryDataLake": "https://datalake.azure.net/",
        "vmImageAliasDoc": "https://raw.githubusercontent.com/Azure/azure-rest-api-specs/master/arm-compute/quickstart-templates/aliases.json",
        "appInsightsResourceId": "https://api.applicationinsights.io",
        "appInsightsTelemetryChannelResourceId": "https://dc.applicationinsights.azure.com/v2/track",
        "logAnalyticsResourceId": "https://api.loganalytics.io",
        "synapseAnalyticsResourceId": "https://dev.azuresynapse.net",
        "attestationResourceId": "https://attest.azure.net",
        "ossrdbmsResourceId": "https://ossrdbms-aad.database.windows.net",
        "suffixes": {
            "acrLoginServer": "azurecr.io",
            "attestationEndpoint": "attest.azure.net",
            "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
            "azureDataLakeStoreFileSystem": "azuredatalakestore.net",
            "azureFrontDoorEndpointSuffix": "azurefd.net",
            "keyVaultDns": "vault.azure.net",
            "mariadbServerEndpoint": "mariadb.database.azure.com",
            "mhsmDns": "managedhsm.azure.net",
            "mysqlServerEndpoint": "mysql.database.azure.com",
            "postgresqlServerEndpoint": "postgres.database.azure.com",
            "sqlServerHostname": "database.windows.net",
            "storage": "core.windows.net",
            "storageSyncEndpointSuffix": "afs.azure.net",
            "synapseAnalytics": "dev.azuresynapse.net",
        },
    });
    if version < ONE_OBJECT_SINCE { json!([document]) } else { document }
}

/// `az` puts the real login address into a cloud that is called `AzureCloud`.
const NAME: &str = "simcloud";
const ONE_OBJECT_SINCE: &str = "2022-09-01";
