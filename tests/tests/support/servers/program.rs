use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian keeps servers: not on the path of an ordinary user.
const SERVER_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Where a program is. When it is missing the test ends, and says what to install.
pub(super) fn find(name: &str, package: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SERVER_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("this test needs `{name}`: apt-get install {package}"))
}

/// What a program writes to its standard output, or what it says when it fails.
pub(super) fn output(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command
        .output()
        .map_err(|error| format!("{} does not run: {error}", name(command)))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!(
        "{}: {}\n{}{}",
        name(command),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// [`output`], of a program that must not fail.
pub(super) fn run(command: &mut Command) -> Vec<u8> {
    output(command).unwrap_or_else(|error| panic!("{error}"))
}

fn name(command: &Command) -> std::path::Display<'_> {
    Path::new(command.get_program()).display()
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::find;

    #[test]
    fn missing_program_says_what_to_install() {
        let panic = catch_unwind(|| find("no-such-server", "its-package")).unwrap_err();
        let message = panic.downcast_ref::<String>().expect("a message");
        assert_eq!(
            message,
            "this test needs `no-such-server`: apt-get install its-package"
        );
    }
}
