//! [`Settings`]: what IT says about one Google Workspace account, read once in each call.

use muster_sdk::{FieldFault, Host, Problem, Result, Setting};

/// The customer of whoever the service account acts for.
const MY_CUSTOMER: &str = "my_customer";

const DIRECTORY_URL: &str = "https://admin.googleapis.com";
const LICENSING_URL: &str = "https://licensing.googleapis.com";

/// A licence that is given and taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sku {
    /// Google's id of the product: `Google-Apps`.
    pub(crate) product: String,
    /// Google's id of what is bought of it: `1010020020`.
    pub(crate) id: String,
    /// How many seats were bought, which only IT knows.
    pub(crate) purchased: Option<u32>,
}

impl Sku {
    /// Reads `PRODUCT/SKU` or `PRODUCT/SKU=SEATS`.
    fn parse(text: &str) -> Option<Self> {
        let (name, purchased) = match text.split_once('=') {
            Some((name, seats)) => (name, Some(seats.parse().ok()?)),
            None => (text, None),
        };
        let (product, id) = name.split_once('/')?;
        let is_id = |id: &str| {
            let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
            !id.is_empty() && id.chars().all(plain) && !id.chars().all(|char| char == '.')
        };
        (is_id(product) && is_id(id)).then(|| Self {
            product: product.to_owned(),
            id: id.to_owned(),
            purchased,
        })
    }

    /// The id of the entitlement: `PRODUCT/SKU`.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.product, self.id)
    }
}

/// What IT says about one Google Workspace account.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) customer: String,
    /// Only accounts and groups of this domain.
    pub(crate) domain: Option<String>,
    pub(crate) directory_url: String,
    pub(crate) licensing_url: String,
    pub(crate) transfer_url: String,
    pub(crate) reports_url: String,
    pub(crate) skus: Vec<Sku>,
    /// Administrator roles are entitlements too.
    pub(crate) has_roles: bool,
    /// Names of the applications whose data is transferred; empty: all.
    pub(crate) transfer_apps: Vec<String>,
    /// The administrator for whom the service account acts.
    pub(crate) acting_admin: Option<String>,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// `Invalid` with every setting that cannot be right.
    pub(crate) fn of(host: &dyn Host) -> Result<Self> {
        let all = host.settings();
        let text = |key: &str| {
            let found = all.iter().find(|(name, _)| name == key);
            found
                .map(|(_, value)| value.trim())
                .filter(|value| !value.is_empty())
        };
        let or = |key: &str, default: &str| text(key).unwrap_or(default).to_owned();
        let words = |key: &str| -> Vec<String> {
            let list = text(key).unwrap_or_default().split([',', ';', '\n']);
            list.map(|word| word.trim().to_owned())
                .filter(|word| !word.is_empty())
                .collect()
        };
        let mut faults = Vec::new();
        let mut skus: Vec<Sku> = Vec::new();
        for word in words("license_skus") {
            match Sku::parse(&word) {
                Some(sku) if skus.iter().any(|known| known.name() == sku.name()) => {
                    let text = format!("`{}` is there twice", sku.name());
                    faults.push(FieldFault::new("license_skus", "not-unique", text));
                }
                Some(sku) => skus.push(sku),
                None => {
                    let text = format!("`{word}` is not PRODUCT/SKU or PRODUCT/SKU=SEATS");
                    faults.push(FieldFault::new("license_skus", "format", text));
                }
            }
        }
        let acting_admin = text("acting_admin").map(str::to_owned);
        if acting_admin
            .as_ref()
            .is_some_and(|admin| !admin.contains('@'))
        {
            faults.push(FieldFault::new(
                "acting_admin",
                "format",
                "it is an e-mail address",
            ));
        }
        if !faults.is_empty() {
            return Err(Problem::Invalid(faults));
        }
        let directory_url = or("directory_url", DIRECTORY_URL);
        Ok(Self {
            customer: or("customer", MY_CUSTOMER),
            domain: text("domain").map(str::to_owned),
            licensing_url: or("licensing_url", LICENSING_URL),
            transfer_url: or("transfer_url", &directory_url),
            reports_url: or("reports_url", &directory_url),
            directory_url,
            skus,
            has_roles: text("admin_roles") == Some("true"),
            transfer_apps: words("transfer_apps"),
            acting_admin,
        })
    }

    /// The customer's own id, where IT has given it: the licensing API takes no other name for it.
    pub(crate) fn customer_id(&self) -> Option<&str> {
        (self.customer != MY_CUSTOMER).then_some(self.customer.as_str())
    }
}

/// What IT is asked for.
pub(crate) fn declared() -> [Setting; 10] {
    let url = |key: &str, of: &str, default: &str| {
        let text = format!("Where {of} is reached. Another address only for a proxy.");
        Setting::with_default(key, "url", default, &text)
    };
    let other = |key: &str, of: &str| {
        let text = format!("Where {of} is reached. Without it: where the Directory API is.");
        Setting::optional(key, "url", &text)
    };
    [
        Setting::with_default(
            "customer",
            "text",
            MY_CUSTOMER,
            "The customer id, `C01abc234`, or `my_customer` for that of the acting administrator.",
        ),
        Setting::optional(
            "domain",
            "text",
            "Only accounts and groups of this domain, `example.com`. Without it: all domains.",
        ),
        Setting::optional(
            "license_skus",
            "text",
            "Licences to give and take, `Google-Apps/1010020020=50, Google-Vault/Google-Vault`: product, \
             SKU, and how many seats were bought, which Google's API does not tell.",
        ),
        Setting::with_default(
            "admin_roles",
            "boolean",
            "false",
            "Administrator roles are entitlements too. Needs the scope admin.directory.rolemanagement.",
        ),
        Setting::optional(
            "transfer_apps",
            "text",
            "Applications whose data is transferred, `Drive and Docs, Calendar`. Without it: all.",
        ),
        Setting::optional(
            "acting_admin",
            "text",
            "The administrator for whom the service account acts: is never suspended or removed.",
        ),
        url("directory_url", "the Directory API", DIRECTORY_URL),
        url("licensing_url", "the Licensing API", LICENSING_URL),
        other("transfer_url", "the Data Transfer API"),
        other("reports_url", "the Reports API"),
    ]
}

#[cfg(test)]
mod tests {
    use muster_sdk::FakeHost;

    use super::*;

    #[test]
    fn licences_are_read_with_their_seats() {
        let host = FakeHost::new().setting(
            "license_skus",
            "Google-Apps/1010020020=50, Google-Vault/Google-Vault",
        );
        let skus = Settings::of(&host).unwrap().skus;
        assert_eq!(skus[0].name(), "Google-Apps/1010020020");
        assert_eq!((skus[0].purchased, skus[1].purchased), (Some(50), None));
    }

    #[test]
    fn each_setting_that_cannot_be_right_is_named() {
        for (key, value) in [
            ("license_skus", "Google-Apps"),
            ("license_skus", "Google-Apps/1=many"),
            ("license_skus", "../x/1"),
            ("license_skus", "a/.."),
            ("license_skus", "a/1, a/1=2"),
            ("acting_admin", "admin"),
        ] {
            let refused = Settings::of(&FakeHost::new().setting(key, value)).unwrap_err();
            assert!(
                matches!(&refused, Problem::Invalid(faults) if faults[0].field == key),
                "{value}: {refused}"
            );
        }
    }
}
