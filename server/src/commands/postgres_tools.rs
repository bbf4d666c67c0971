//! `PostgreSQL`'s own tools: `pg_dump` and `pg_restore`. They are told where and who by their environment, because the list of
//! processes shows arguments to everybody.

use super::Failure;
use patchbay_store::private;
use std::{
    io::ErrorKind,
    path::Path,
    process::{Command, Stdio},
};
use url::Url;

/// Parameters of the address that these programs know as variables.
const PARAMETERS: [(&str, &str); 7] = [
    ("host", "PGHOST"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
];

/// One consistent moment of the whole database, in `PostgreSQL`'s own format, which is read back.
pub async fn dump(url: &str, to: &Path) -> Result<(), Failure> {
    drop(private::create_file(to)?);
    let to = to.as_os_str().to_owned();
    let mut dump = command("pg_dump", url)?;
    dump.args(["--format=custom", "--no-password", "--file"]).arg(&to);
    run(dump).await?;
    let mut list = Command::new("pg_restore");
    list.arg("--list").arg(&to);
    run(list).await
}

/// Into a database without tables of that name; all of it or nothing.
pub async fn restore(url: &str, from: &Path) -> Result<(), Failure> {
    let mut restore = command("pg_restore", url)?;
    restore.args(["--no-password", "--no-owner", "--exit-on-error", "--single-transaction", "--dbname"]);
    restore.arg(name_of(&address(url)?)?).arg(from);
    run(restore).await.map_err(|error| format!("{error}. The database that DATABASE_URL names must be empty").into())
}

fn address(url: &str) -> Result<Url, Failure> {
    // What the address says may be a password.
    Url::parse(url).map_err(|error| format!("DATABASE_URL cannot be read: {error}").into())
}

fn name_of(address: &Url) -> Result<String, Failure> {
    let name = decoded(address.path().trim_start_matches('/'))?;
    Ok(if name.is_empty() { "postgres".to_owned() } else { name })
}

fn command(program: &str, url: &str) -> Result<Command, Failure> {
    let address = address(url)?;
    let mut command = Command::new(program);
    if let Some(host) = address.host_str().filter(|host| !host.is_empty()) {
        command.env("PGHOST", decoded(host.trim_matches(['[', ']']))?);
    }
    if let Some(port) = address.port() {
        command.env("PGPORT", port.to_string());
    }
    if !address.username().is_empty() {
        command.env("PGUSER", decoded(address.username())?);
    }
    if let Some(password) = address.password() {
        command.env("PGPASSWORD", decoded(password)?);
    }
    command.env("PGDATABASE", name_of(&address)?);
    for (name, value) in address.query_pairs() {
        if let Some((_, variable)) = PARAMETERS.iter().find(|(parameter, _)| name.replace('-', "") == *parameter) {
            command.env(variable, value.as_ref());
        } else if name == "password" {
            command.env("PGPASSWORD", value.as_ref());
        }
    }
    Ok(command)
}

/// `%40` is `@`.
fn decoded(text: &str) -> Result<String, Failure> {
    let query = format!("x={}", text.replace('+', "%2B"));
    let pair = url::form_urlencoded::parse(query.as_bytes()).next();
    Ok(pair.ok_or("DATABASE_URL cannot be read")?.1.into_owned())
}

async fn run(mut command: Command) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ended =
        tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).stdout(Stdio::null()).output()).await?;
    let output = ended.map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!(
            "there is no {program}; install PostgreSQL's client programs (postgresql-client), of the server's version or \
             later, or use other means and --without-database"
        ),
        _ => format!("{program} did not start: {error}"),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} ended with {}: {}", output.status, said.trim()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn an_address_becomes_variables_and_no_argument() {
        let url = "postgres://ada:s%40cret@db.example:5433/patch%20bay?sslmode=verify-full&sslrootcert=/ca.pem";
        let command = command("pg_dump", url).unwrap();
        let variables: BTreeMap<String, String> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned())))
            .collect();
        let wanted = [
            ("PGDATABASE", "patch bay"),
            ("PGHOST", "db.example"),
            ("PGPASSWORD", "s@cret"),
            ("PGPORT", "5433"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "/ca.pem"),
            ("PGUSER", "ada"),
        ];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(variables.into_iter().collect::<Vec<_>>(), wanted);
        assert_eq!(command.get_args().count(), 0);
    }
}
