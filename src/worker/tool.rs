//! The environment of a command of a `tool://` target.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::core::plan::data::MAX_OUTPUT_BYTES;
pub use crate::core::plan::tool::{Tool, environment_of};

/// Maximum size of an input that gets a variable; the file holds all inputs.
const MAX_VARIABLE_BYTES: usize = 32 * 1024;
/// The default search path for programs.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// Prefix of variables that only this program sets.
const OWN: &str = "PLANSPEC_";

/// A duration of a resource as one of the standard library.
pub fn seconds(duration: &crate::core::resource::Duration) -> Duration {
    Duration::from_secs(u64::try_from(duration.seconds()).unwrap_or(0))
}

/// The purpose of a command, which it finds in its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// Namespace of the Execution.
    pub namespace: String,
    /// Its name.
    pub execution: String,
    /// The part of the run.
    pub part: ErrandPart,
}

/// The part of a run that a command is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrandPart {
    /// An attempt at a node.
    Attempt {
        /// The node.
        node: String,
        /// Which attempt.
        attempt: u32,
    },
    /// A success criterion of the run's document.
    Criterion(String),
}

impl Errand {
    /// As JSON, for HTTP requests.
    pub fn to_value(&self) -> Value {
        let mut value = serde_json::json!({
            "namespace": self.namespace,
            "execution": self.execution,
        });
        match &self.part {
            ErrandPart::Attempt { node, attempt } => {
                value["node"] = node.as_str().into();
                value["attempt"] = (*attempt).into();
            }
            ErrandPart::Criterion(id) => value["successCriterion"] = id.as_str().into(),
        }
        value
    }

    /// As environment variables.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("PLANSPEC_NAMESPACE", self.namespace.clone()),
            ("PLANSPEC_EXECUTION", self.execution.clone()),
        ];
        match &self.part {
            ErrandPart::Attempt { node, attempt } => variables.extend([
                ("PLANSPEC_NODE", node.clone()),
                ("PLANSPEC_ATTEMPT", attempt.to_string()),
            ]),
            ErrandPart::Criterion(id) => variables.push(("PLANSPEC_CRITERION", id.clone())),
        }
        variables
    }
}

/// Where a command works: a work tree, and a separate folder beside it.
#[derive(Debug)]
pub struct Bench {
    /// The root of the work tree.
    pub tree: PathBuf,
    folder: PathBuf,
    environment: BTreeMap<OsString, OsString>,
}

impl Bench {
    /// Creates a bench in `folder`, with an empty home and an empty folder for temporary files. From
    /// this process's environment, only the search path and the language are passed on; then `env`
    /// is added, then the variables that only this program sets.
    ///
    /// # Errors
    /// A folder cannot be created; the error is a sentence.
    pub fn new(
        tree: &Path,
        folder: &Path,
        env: &BTreeMap<String, String>,
        errand: &Errand,
    ) -> Result<Bench, String> {
        let (home, temporary) = (folder.join("home"), folder.join("tmp"));
        for place in [&home, &temporary] {
            fs::create_dir_all(place)
                .map_err(|error| format!("cannot make `{}`: {error}", place.display()))?;
        }
        let inherited = |name: &str, usual: &str| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty());
            (name.into(), value.unwrap_or_else(|| usual.into()))
        };
        let mut environment = BTreeMap::from([
            inherited("PATH", USUAL_PATH),
            inherited("LANG", "C.UTF-8"),
            ("HOME".into(), home.into()),
            ("TMPDIR".into(), temporary.into()),
        ]);
        let env = env.iter().filter(|(name, _)| !name.starts_with(OWN));
        environment.extend(env.map(|(name, value)| (name.into(), value.into())));
        let own = errand.variables().into_iter();
        environment.extend(own.map(|(name, value)| (name.into(), value.into())));
        Ok(Bench {
            tree: tree.to_owned(),
            folder: folder.to_owned(),
            environment,
        })
    }

    /// The whole environment of a command.
    pub fn environment(&self) -> &BTreeMap<OsString, OsString> {
        &self.environment
    }

    /// Writes the inputs: all of them to a file, and each to a variable if it fits.
    ///
    /// # Errors
    /// The file cannot be written; the error is a sentence.
    pub fn lay_out(&mut self, inputs: &Map<String, Value>) -> Result<(), String> {
        for (name, value) in inputs {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            if text.len() <= MAX_VARIABLE_BYTES && !text.contains('\0') {
                self.environment.insert(variable(name).into(), text.into());
            }
        }
        let path = self.folder.join("inputs.json");
        let text = serde_json::to_vec_pretty(inputs).map_err(|error| error.to_string())?;
        fs::write(&path, text)
            .map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
        self.environment
            .insert("PLANSPEC_INPUTS".into(), path.into());
        self.environment
            .insert("PLANSPEC_OUTPUTS".into(), self.outputs_path().into());
        Ok(())
    }

    /// Writes the brief of the node, for people and agents.
    ///
    /// # Errors
    /// The file cannot be written; the error is a sentence.
    pub fn hand_over(&mut self, brief: &str) -> Result<(), String> {
        let path = self.folder.join("brief.md");
        fs::write(&path, brief)
            .map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
        self.environment
            .insert("PLANSPEC_BRIEF".into(), path.into());
        Ok(())
    }

    fn outputs_path(&self) -> PathBuf {
        self.folder.join("outputs.json")
    }

    /// The outputs in the file that `PLANSPEC_OUTPUTS` names; empty if there is no file.
    ///
    /// # Errors
    /// It is not a JSON object, or too large; the error is a sentence without a full stop.
    pub fn take_outputs(&self) -> Result<Map<String, Value>, String> {
        let path = self.outputs_path();
        match path.symlink_metadata() {
            Err(_) => return Ok(Map::new()),
            Ok(found) if !found.is_file() => {
                return Err("PLANSPEC_OUTPUTS does not name a regular file".to_owned());
            }
            Ok(_) => {}
        }
        let mut text = Vec::new();
        let most = MAX_OUTPUT_BYTES as u64;
        fs::File::open(&path)
            .and_then(|file| file.take(most + 1).read_to_end(&mut text))
            .map_err(|error| format!("the outputs cannot be read: {error}"))?;
        if text.len() as u64 > most {
            return Err(format!(
                "the outputs have more than {most} bytes: store large outputs as files"
            ));
        }
        if text.trim_ascii().is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&text) {
            Ok(Value::Object(outputs)) => Ok(outputs),
            Ok(_) => Err("the outputs are JSON, but not an object".to_owned()),
            Err(error) => Err(format!("the outputs are not JSON: {error}")),
        }
    }

    /// The folder at a relative path in the work tree.
    ///
    /// # Errors
    /// It does not exist, or leads out of the tree; the error is a sentence without a full stop.
    pub fn directory(&self, path: Option<&str>) -> Result<PathBuf, String> {
        let root = &self.tree;
        let Some(path) = path else {
            return Ok(root.clone());
        };
        let absent = |_| format!("the working directory `{path}` does not exist in the work tree");
        let root = root.canonicalize().map_err(absent)?;
        let found = root.join(path).canonicalize().map_err(absent)?;
        if found.starts_with(&root) && found.is_dir() {
            Ok(found)
        } else {
            Err(format!("`{path}` is not a folder in the work tree"))
        }
    }
}

/// The name of the variable of an input.
fn variable(name: &str) -> String {
    let plain = |c: char| match c {
        'a'..='z' => c.to_ascii_uppercase(),
        'A'..='Z' | '0'..='9' => c,
        _ => '_',
    };
    format!(
        "PLANSPEC_INPUT_{}",
        name.chars().map(plain).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn bench(folder: &Path, env: &[(&str, &str)]) -> Bench {
        let env = env
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        let errand = Errand {
            namespace: "team".to_owned(),
            execution: "run".to_owned(),
            part: ErrandPart::Attempt {
                node: "build".to_owned(),
                attempt: 2,
            },
        };
        let tree = folder.join("work");
        fs::create_dir_all(&tree).unwrap();
        Bench::new(&tree, folder, &env, &errand).unwrap()
    }

    #[test]
    fn the_environment_is_made_and_what_it_is_run_for_cannot_be_set_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let env = [
            ("HOME", "/mine"),
            ("PLANSPEC_NODE", "forged"),
            ("EXTRA", "1"),
        ];
        let bench = bench(folder.path(), &env);
        let value = |name: &str| {
            let found = bench.environment().get(std::ffi::OsStr::new(name));
            found.map(|value| value.to_string_lossy().into_owned())
        };
        assert_eq!(value("HOME").as_deref(), Some("/mine"));
        assert_eq!(value("EXTRA").as_deref(), Some("1"));
        assert_eq!(value("PLANSPEC_NODE").as_deref(), Some("build"));
        assert_eq!(value("PLANSPEC_ATTEMPT").as_deref(), Some("2"));
        let names: Vec<_> = bench
            .environment()
            .keys()
            .map(|n| n.to_string_lossy())
            .collect();
        let all = [
            "EXTRA",
            "HOME",
            "LANG",
            "PATH",
            "PLANSPEC_ATTEMPT",
            "PLANSPEC_EXECUTION",
            "PLANSPEC_NAMESPACE",
            "PLANSPEC_NODE",
            "TMPDIR",
        ];
        assert_eq!(names, all);
    }

    #[test]
    fn inputs_are_a_file_and_variables() {
        let folder = tempfile::tempdir().unwrap();
        let mut bench = bench(folder.path(), &[]);
        let inputs = json!({
            "target": "web", "max-size": 3, "list": [1, "a"], "long": "x".repeat(40_000), "nul": "\0",
        });
        let inputs = inputs.as_object().unwrap();
        bench.lay_out(inputs).unwrap();
        let value = |name: &str| {
            let found = bench.environment().get(std::ffi::OsStr::new(name));
            found.map(|value| value.to_string_lossy().into_owned())
        };
        assert_eq!(value("PLANSPEC_INPUT_TARGET").as_deref(), Some("web"));
        assert_eq!(value("PLANSPEC_INPUT_MAX_SIZE").as_deref(), Some("3"));
        assert_eq!(value("PLANSPEC_INPUT_LIST").as_deref(), Some("[1,\"a\"]"));
        assert_eq!(value("PLANSPEC_INPUT_LONG"), None);
        assert_eq!(value("PLANSPEC_INPUT_NUL"), None);
        let text = fs::read(value("PLANSPEC_INPUTS").unwrap()).unwrap();
        let read: Map<String, Value> = serde_json::from_slice(&text).unwrap();
        assert_eq!(&read, inputs);
    }

    #[test]
    fn outputs_are_one_json_object_of_a_sensible_size() {
        let folder = tempfile::tempdir().unwrap();
        let bench = bench(folder.path(), &[]);
        assert_eq!(bench.take_outputs(), Ok(Map::new()), "no file");
        let large = format!("{{\"a\": \"{}\"}}", "x".repeat(MAX_OUTPUT_BYTES));
        let table = [
            ("", Ok(0)),
            (" \n", Ok(0)),
            ("{\"a\": 1, \"b\": null}", Ok(2)),
            ("[1]", Err("the outputs are JSON, but not an object")),
            ("{", Err("the outputs are not JSON: ")),
            (&large, Err("the outputs have more than ")),
        ];
        for (text, expected) in table {
            fs::write(folder.path().join("outputs.json"), text).unwrap();
            match (bench.take_outputs(), expected) {
                (Ok(outputs), Ok(count)) => assert_eq!(outputs.len(), count),
                (Err(said), Err(why)) => assert!(said.starts_with(why), "{said}"),
                other => panic!("{text:.40}: {other:?}"),
            }
        }
        fs::remove_file(folder.path().join("outputs.json")).unwrap();
        fs::create_dir(folder.path().join("outputs.json")).unwrap();
        let said = bench.take_outputs().unwrap_err();
        assert!(said.contains("does not name a regular file"), "{said}");
    }

    #[cfg(unix)]
    #[test]
    fn the_working_directory_does_not_lead_out_of_the_work_tree() {
        let folder = tempfile::tempdir().unwrap();
        let bench = bench(folder.path(), &[]);
        fs::create_dir(bench.tree.join("app")).unwrap();
        fs::write(bench.tree.join("file"), "").unwrap();
        std::os::unix::fs::symlink("/", bench.tree.join("out")).unwrap();
        assert_eq!(bench.directory(None).unwrap(), bench.tree);
        assert!(bench.directory(Some("app")).unwrap().ends_with("app"));
        for path in ["..", "../..", "/", "out", "file", "no", "app/../.."] {
            assert!(bench.directory(Some(path)).is_err(), "{path}");
        }
    }
}
