//! Connector for any SCIM 2.0 service.
