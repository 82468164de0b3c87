//! Connector for Google Workspace.
