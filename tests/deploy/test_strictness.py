"""What the realiser does not know, and what cannot work, is refused by name with the way out."""

import pytest

from blackstart.domain.errors import DeployError, UsageError

VPC = 'from pulumi_aws import ec2, lb, s3, sns\nimport pulumi\nvpc = ec2.Vpc("v", cidr_block="10.0.0.0/16")\n'


def refused(run, program, **config):
    with pytest.raises(DeployError) as failure:
        run(program, **config)
    assert "Traceback" not in str(failure.value)
    return str(failure.value)


def test_an_unknown_resource_type_is_named(run):
    said = refused(run, VPC + 'ec2.PlacementGroup("near", strategy="cluster")\n')
    assert said.startswith("aws:ec2/placementGroup:PlacementGroup 'near': the realiser does not know this")
    assert "aws:ec2/vpc:Vpc" in said


def test_an_unknown_field_is_named_with_its_resource(run):
    said = refused(run, VPC + 'ec2.Vpc("w", cidr_block="10.1.0.0/16", ipv6_cidr_block="::/56")\n')
    assert "aws:ec2/vpc:Vpc 'w' (urn:pulumi:test::small::aws:ec2/vpc:Vpc::w): ipv6CidrBlock:" in said


def test_an_unknown_nested_field_is_named_by_its_path(run):
    said = refused(
        run, VPC + 'lb.TargetGroup("t", vpc_id=vpc.id, port=80, protocol="HTTP", health_check={"intervall": 10})\n'
    )
    assert "healthCheck.intervall: the realiser does not know this field" in said


def test_a_wrong_type_is_named_by_its_path(run):
    said = refused(
        run, VPC + 'lb.TargetGroup("t", vpc_id=vpc.id, port=80, protocol="HTTP", health_check={"interval": "often"})\n'
    )
    assert 'healthCheck.interval: "often" is no number' in said


def test_a_second_resource_of_the_same_name_is_refused(run):
    assert "two resources have the URN urn:pulumi:test::small::aws:ec2/vpc:Vpc::v" in refused(
        run, VPC + 'ec2.Vpc("v", cidr_block="10.1.0.0/16")\n'
    )


def test_the_same_name_under_different_parents_is_fine(run):
    program = VPC + (
        'for name in ("a", "b"):\n'
        '    parent = pulumi.ComponentResource(f"small:c:{name}", name)\n'
        '    sns.Topic("t", opts=pulumi.ResourceOptions(parent=parent))\n'
    )
    deployed, _ = run(program)
    assert deployed.resources == 3


def test_what_aws_refuses_is_told_in_aws_words(run):
    said = refused(run, VPC + 'ec2.Subnet("s", vpc_id=vpc.id, cidr_block="192.168.0.0/24")\n')
    assert "CreateSubnet was refused: InvalidSubnet.Range" in said


def test_a_required_field_that_is_missing_is_named(run):
    assert "cidrBlock: missing" in refused(run, "from pulumi_aws import ec2\nec2.Vpc('v')\n")


def test_an_output_that_is_not_computed_is_refused_where_it_is_used(run):
    said = refused(run, VPC + 'ec2.Subnet("s", vpc_id=vpc.id, cidr_block=vpc.ipv6_association_id)\n')
    assert "cidrBlock: comes from an output that the realiser does not compute" in said


def test_an_output_that_is_not_computed_cannot_be_exported_as_if_it_were(run):
    assert "stack output x: comes from an output" in refused(run, VPC + 'pulumi.export("x", vpc.ipv6_association_id)\n')


def test_a_provider_of_ones_own_is_refused(run):
    said = refused(run, VPC + 'import pulumi_aws\npulumi_aws.Provider("p", region="eu-west-1")\n')
    assert "one provider, the endpoint's" in said


def test_another_region_is_refused(run):
    assert "region: eu-west-1 is asked for" in refused(run, VPC + 'sns.Topic("t", region="eu-west-1")\n')


def test_reading_an_existing_resource_is_refused(run):
    assert "reads an existing resource" in refused(run, VPC + 'ec2.Vpc.get("old", "vpc-1")\n')


def test_an_unknown_data_source_is_named(run):
    assert "data source aws:s3/getBucket:getBucket" in refused(run, VPC + 's3.get_bucket(bucket="x")\n')


def test_an_exception_of_the_program_names_its_file_and_line(run):
    assert refused(run, VPC + "\n1 / 0\n").startswith("app/__main__.py:5: ZeroDivisionError: division by zero")


def test_a_keyword_that_does_not_exist_names_the_programs_line(run):
    said = refused(run, VPC + 'ec2.Vpc("w", cidr="10.0.0.0/16")\n')
    assert said.startswith("app/__main__.py:4: TypeError")
    assert "'cidr'" in said


def test_a_syntax_error_names_its_line(run):
    assert refused(run, "import pulumi\nx = (\n").startswith("app/__main__.py:2: SyntaxError")


def test_an_exception_in_an_apply_names_its_line(run):
    said = refused(run, VPC + "pulumi.export('x', vpc.id.apply(\n    lambda _: 1 / 0\n))\n")
    assert said.startswith("app/__main__.py:5: ZeroDivisionError")


def test_what_the_program_says_of_its_own_is_told_as_it_is(run):
    assert refused(run, "import pulumi\nraise pulumi.RunError('choose a size')\n") == "choose a size"


def test_a_program_that_leaves_early_is_no_success(run):
    assert refused(run, "import sys\nsys.exit(3)\n").startswith("app/__main__.py:2: SystemExit: 3")


def test_secret_inputs_reach_the_resource_open(run, aws):
    program = "import pulumi\nfrom pulumi_aws import sns\n" + (
        "topic = sns.Topic('secret', display_name=pulumi.Output.secret('abc'))\npulumi.export('arn', topic.arn)\n"
    )
    deployed, _ = run(program)
    found = aws.client("sns").get_topic_attributes(TopicArn=deployed.outputs["arn"])["Attributes"]
    assert found["DisplayName"] == "abc"


def test_an_endpoint_that_is_not_there_is_told(tmp_path):
    from blackstart.deploy.deployment import deploy

    (tmp_path / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
    (tmp_path / "Pulumi.test.yaml").write_text("config: {}\n")
    (tmp_path / "__main__.py").write_text('from pulumi_aws import sns\nsns.Topic("t")\n')
    with pytest.raises(DeployError, match="Is the emulator up at this endpoint"):
        deploy(tmp_path, "test", "http://127.0.0.1:9", "us-east-1", {}, lambda _: None)


def test_an_endpoint_outside_loopback_is_refused_before_anything_runs(tmp_path):
    from blackstart.deploy.deployment import deploy

    with pytest.raises(UsageError, match="not on loopback"):
        deploy(tmp_path, "test", "https://ec2.us-east-1.amazonaws.com", "us-east-1", {}, lambda _: None)


def test_what_the_program_prints_and_warns_does_not_disturb(run):
    deployed, told = run('import pulumi\nprint("hello")\npulumi.log.warn("careful")\npulumi.export("a", 1)\n')
    assert deployed.outputs == {"a": 1}
    assert told == ["warning: careful"]


def test_secret_outputs_are_masked(run):
    deployed, _ = run('import pulumi\npulumi.export("key", pulumi.Output.secret("abc"))\n')
    assert deployed.outputs == {"key": "[secret]"}


def test_a_program_that_ends_its_process_is_told(run):
    assert "ended with status 7" in refused(run, "import os\nos._exit(7)\n")
