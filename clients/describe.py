"""An OpenAPI description as types and operations, for the writers of code."""
import dataclasses
import re
import typing

METHODS = ("get", "put", "post", "patch", "delete")
JSON = "application/json"


@dataclasses.dataclass(frozen=True)
class Type:
    """kind: string, integer, number, boolean, any, null; array and map (of `of`), union (of `options`), enum (of
    `values`), object (a `name` of Api.objects)."""

    kind: str
    of: typing.Optional["Type"] = None
    options: tuple = ()
    values: tuple = ()
    name: str = ""


@dataclasses.dataclass
class Field:
    name: str
    type: Type
    required: bool
    description: str = ""


@dataclasses.dataclass
class Parameter:
    name: str
    place: str  # path or query
    type: Type
    required: bool
    description: str
    prefix: str = ""  # of a map: what its keys begin with in the query


@dataclasses.dataclass
class Operation:
    id: str
    method: str
    path: str
    text: str
    parameters: list
    body: typing.Optional[Type]
    answer: Type  # kind "text" for what is not JSON


def capital(name):
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))


class Api:
    """`objects`: name -> (description, fields), in the order in which they are needed; `operations`."""

    def __init__(self, document):
        self.document = document
        self.version = document["info"]["version"]
        self.objects = {}
        for name, schema in document["components"]["schemas"].items():
            self.type_of(schema, name)
        self.operations = []
        for path, methods in document["paths"].items():
            for method in METHODS:
                if method in methods:
                    self.operations.append(self.operation(path, method, methods[method]))

    def resolved(self, one):
        """What a reference stands for."""
        if "$ref" not in one:
            return one
        found = self.document
        for part in one["$ref"].lstrip("#/").split("/"):
            found = found[part]
        return self.resolved(found)

    def type_of(self, schema, name):
        """The type of a schema; an object with properties becomes one of `objects` under `name`."""
        if "$ref" in schema:
            return Type("object", name=schema["$ref"].rsplit("/", 1)[1])
        for key in ("oneOf", "anyOf"):
            if key in schema and "properties" not in schema:  # else it says which properties go together
                return self.union([self.type_of(one, f"{name}{i + 1}") for i, one in enumerate(schema[key])])
        kind = schema.get("type", "any")
        if isinstance(kind, list):
            return self.union([self.type_of({**schema, "type": one}, name) for one in kind])
        if "enum" in schema:
            return Type("enum", values=tuple(schema["enum"]))
        if kind == "array":
            return Type("array", of=self.type_of(schema.get("items", {}), name + "Item"))
        if kind != "object":
            return Type(kind)
        if schema.get("properties"):
            self.add_object(schema, name)
            return Type("object", name=name)
        more = schema.get("additionalProperties", {})
        return Type("map", of=self.type_of(more, name + "Value") if isinstance(more, dict) else Type("any"))

    @staticmethod
    def union(types):
        different = list(dict.fromkeys(types))
        return different[0] if len(different) == 1 else Type("union", options=tuple(different))

    def add_object(self, schema, name):
        required = schema.get("required", [])
        fields = [Field(key, self.type_of(one, name + capital(key)), key in required, one.get("description", ""))
                  for key, one in schema["properties"].items()]
        self.objects[name] = (schema.get("description", ""), fields)

    def operation(self, path, method, one):
        name = capital(one["operationId"])
        parameters = []
        for parameter in one.get("parameters", []):
            schema = parameter["schema"]
            patterns = list(schema.get("patternProperties", {}))
            parameters.append(Parameter(
                parameter["name"], parameter["in"], self.type_of(schema, name + capital(parameter["name"])),
                parameter.get("required", False), parameter.get("description", ""),
                patterns[0].lstrip("^").replace("\\", "") if patterns else ""))
        parameters.sort(key=lambda p: not p.required)
        body = None
        if "requestBody" in one:
            body = self.type_of(one["requestBody"]["content"][JSON]["schema"], name + "Body")
        content = self.resolved(one["responses"]["200"]).get("content", {JSON: {}})
        answer = Type("text")
        if JSON in content:
            answer = self.type_of(content[JSON].get("schema", {}), name + "Answer")
        text = one["summary"] + "." + (" " + one["description"] if "description" in one else "")
        return Operation(one["operationId"], method.upper(), path, text, parameters, body, answer)
