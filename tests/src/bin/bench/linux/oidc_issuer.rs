//! As much of an OpenID provider as oidc-agent asks for: where its endpoints are, and a refresh grant. DataTrails has no
//! refresh tokens, so that the sandbox issuer has none.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
};

use anyhow::Result;
use serde_json::{Value, json};

/// Starts one that always grants this token, for as long as this process lives; its URL.
pub(crate) fn start(token: &str) -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}", listener.local_addr()?);
    let discovery = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "scopes_supported": ["openid", "offline_access"],
        "grant_types_supported": ["refresh_token"],
        "response_types_supported": ["code"],
    });
    let grant = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 86_400, "scope": "openid offline_access" });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // One that leaves early is none that is waited for.
            let _ = answer(stream, &discovery, &grant);
        }
    });
    Ok(url)
}

fn answer(stream: TcpStream, discovery: &Value, grant: &Value) -> Result<()> {
    let mut reader = BufReader::new(&stream);
    let (mut asked, mut line, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut asked)?;
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        line.clear();
    }
    reader.take(length).read_to_end(&mut Vec::new())?;
    let body =
        if asked.contains("/.well-known/openid-configuration") { discovery } else { grant }.to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    write!(&stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len())?;
    Ok(())
}
