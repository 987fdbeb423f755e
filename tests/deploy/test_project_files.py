"""Pulumi.yaml and the stack files: resolved as Pulumi does, refused by file, line and key."""

from pathlib import Path

import pytest

from blackstart.deploy.project import load_program
from blackstart.domain.errors import DocumentError, UsageError

REFERENCE = Path(__file__).parents[2]
PROJECT = """\
name: shop
runtime:
  name: python
config:
  size:
    type: integer
    default: 3
  public:
    type: boolean
    default: false
  zones:
    type: array
    items: {type: string}
    default: [a, b]
  token:
    type: string
    default: ""
    secret: true
  "dns:zone":
    value: example.test
"""


@pytest.fixture
def project(tmp_path):
    """project(stack file's text, project file's text): the folder of a project with the stack `dev`."""

    def write(stack="config: {}\n", project=PROJECT):
        (tmp_path / "Pulumi.yaml").write_text(project)
        (tmp_path / "Pulumi.dev.yaml").write_text(stack)
        (tmp_path / "__main__.py").write_text("")
        return tmp_path

    return write


def load(folder, stack="dev", **overrides):
    return load_program(folder, stack, "http://127.0.0.1:5005", "us-east-1", overrides)


def refusal(folder, stack="dev", **overrides):
    with pytest.raises(DocumentError) as refused:
        load(folder, stack, **overrides)
    return str(refused.value)


def test_defaults_are_handed_over_as_pulumis_engine_does(project):
    assert load(project()).config == {
        "shop:size": "3",
        "shop:public": "false",
        "shop:zones": '["a", "b"]',
        "shop:token": "",
        "dns:zone": "example.test",
        "aws:region": "us-east-1",
    }


def test_the_stack_overrides_the_project_and_the_command_line_overrides_both(project):
    folder = project("config:\n  shop:size: 5\n  public: true\n  aws:region: eu-central-1\n")
    loaded = load(folder, size="7")
    assert (loaded.config["shop:size"], loaded.config["shop:public"]) == ("7", "true")
    assert loaded.region == "eu-central-1"


def test_numbers_and_booleans_may_be_quoted_as_the_pulumi_cli_writes_them(project):
    loaded = load(project('config:\n  shop:size: "5"\n  shop:public: "true"\n'))
    assert (loaded.config["shop:size"], loaded.config["shop:public"]) == ("5", "true")


def test_provider_settings_other_than_the_region_are_left_out(project):
    loaded = load(project("config:\n  aws:secretKey: x\n  aws:endpoints:\n    - ec2: http://127.0.0.1:1\n"))
    assert [key for key in loaded.config if key.startswith("aws:")] == ["aws:region"]


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        ("config:\n  shop:sise: 5\n", "Pulumi.dev.yaml:2: shop:sise: unknown configuration key"),
        ("config:\n\n  shop:size: many\n", "Pulumi.dev.yaml:3: shop:size: many is no integer"),
        ("config:\n  shop:public: 1\n", "Pulumi.dev.yaml:2: shop:public: 1 is no boolean"),
        ("config:\n  shop:zones: a\n", "Pulumi.dev.yaml:2: shop:zones: a is no array"),
        ("config:\n  shop:token:\n    secure: AAAB\n", "Pulumi.dev.yaml:2: shop:token: encrypted"),
        ("config: [\n", "Pulumi.dev.yaml:2: no YAML"),
        ("config: 5\n", "Pulumi.dev.yaml:1: config: a mapping is needed here"),
        ("- config\n", "Pulumi.dev.yaml:1: a mapping is needed here"),
        ("konfig: {}\n", "Pulumi.dev.yaml:1: konfig: unknown"),
        ("environment: [prod]\n", "Pulumi.dev.yaml:1: environment: Pulumi ESC cannot be reached offline"),
    ],
)
def test_a_wrong_stack_file_is_named_with_its_line(project, stack, said):
    assert refusal(project(stack)).startswith(said)


def test_an_encrypted_value_can_be_given_on_the_command_line(project):
    folder = project("config:\n  shop:token:\n    secure: AAAB\n")
    assert "--config shop:token=..." in refusal(folder)
    assert load(folder, **{"shop:token": "open"}).config["shop:token"] == "open"


def test_an_unknown_key_on_the_command_line_is_refused(project):
    assert refusal(project(), sise="1").startswith("--config: shop:sise: unknown configuration key")


def test_an_unknown_stack_is_refused_with_those_that_exist(project):
    folder = project()
    (folder / "Pulumi.prod.yaml").write_text("")
    assert "there is no stack 'staging'\n  Stacks of this project: dev, prod." in refusal(folder, "staging")


def test_a_key_without_a_default_must_be_set(project):
    folder = project(project="name: shop\nruntime: python\nconfig:\n  owner:\n    type: string\n")
    assert refusal(folder).startswith("Pulumi.dev.yaml: shop:owner: missing, and it has no default")


def test_programs_in_other_languages_are_refused(project):
    assert "nodejs programs cannot be run" in refusal(project(project="name: shop\nruntime: nodejs\n"))


def test_a_folder_without_a_project_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"there is no Pulumi\.yaml"):
        load(tmp_path)


def test_a_main_without_a_program_is_refused(project):
    folder = project(project="name: shop\nruntime: python\nmain: app/\n")
    assert refusal(folder).startswith("Pulumi.yaml: main: there is no __main__.py")


def test_the_reference_project_declares_type_default_and_description_of_each_key():
    import yaml

    declared = yaml.safe_load((REFERENCE / "Pulumi.yaml").read_text())["config"]
    for key, entry in declared.items():
        assert set(entry) == {"type", "default", "description"}, key
    assert set(load(REFERENCE, "emulator").config) == {"aws:region", *(f"blackstart:{key}" for key in declared)}
