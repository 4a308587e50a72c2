"""The part of the table that is for metadata definitions, in the reference's order."""

from tinstack.core.http import Route
from tinstack.image.handlers import metadefs
from tinstack.image.metadefs import ASSOCIATION, OBJECT, PROPERTY, TAG
from tinstack.image.schemas import metadefs as schema

ALL = "/v2/metadefs/namespaces"
ONE = ALL + "/{namespace}"
ADD_TYPE, REMOVE_TYPE = "add_metadef_resource_type_association", "remove_metadef_resource_type_association"

# fmt: off
METADEFS = [
    Route("GET", ALL, metadefs.index, "get_metadef_namespaces"),
    Route("POST", ALL, metadefs.create, "add_metadef_namespace", body=schema.NAMESPACE),
    Route("GET", ONE, metadefs.show, checked=True),
    Route("PUT", ONE, metadefs.update, checked=True, body=schema.NAMESPACE_UPDATE),
    Route("DELETE", ONE, metadefs.delete, checked=True),

    Route("GET", "/v2/metadefs/resource_types", metadefs.resource_types, "list_metadef_resource_types"),
    Route("GET", ONE + "/resource_types", metadefs.associations, checked=True),
    Route("POST", ONE + "/resource_types", metadefs.adder(ASSOCIATION, ADD_TYPE), checked=True, body=schema.ASSOCIATION),
    Route("DELETE", ONE + "/resource_types/{name}", metadefs.remover(ASSOCIATION, REMOVE_TYPE), checked=True),

    Route("GET", ONE + "/objects", metadefs.objects, checked=True),
    Route("POST", ONE + "/objects", metadefs.adder(OBJECT, "add_metadef_object"), checked=True, body=schema.OBJECT),
    Route("DELETE", ONE + "/objects", metadefs.remover(OBJECT, "delete_metadef_object"), checked=True),
    Route("GET", ONE + "/objects/{name}", metadefs.shower(OBJECT, "get_metadef_object"), checked=True),
    Route("PUT", ONE + "/objects/{name}", metadefs.changer(OBJECT, "modify_metadef_object"), checked=True, body=schema.OBJECT),
    Route("DELETE", ONE + "/objects/{name}", metadefs.remover(OBJECT, "delete_metadef_object"), checked=True),

    Route("GET", ONE + "/properties", metadefs.properties, checked=True),
    Route("POST", ONE + "/properties", metadefs.adder(PROPERTY, "add_metadef_property"), checked=True, body=schema.PROPERTY),
    Route("DELETE", ONE + "/properties", metadefs.remover(PROPERTY, "remove_metadef_property"), checked=True),
    Route("GET", ONE + "/properties/{name}", metadefs.shower(PROPERTY, "get_metadef_property"), checked=True),
    Route("PUT", ONE + "/properties/{name}", metadefs.changer(PROPERTY, "modify_metadef_property"), checked=True, body=schema.PROPERTY),
    Route("DELETE", ONE + "/properties/{name}", metadefs.remover(PROPERTY, "remove_metadef_property"), checked=True),

    Route("GET", ONE + "/tags", metadefs.tags, checked=True),
    Route("POST", ONE + "/tags", metadefs.set_tags, checked=True, body=schema.TAGS),
    Route("DELETE", ONE + "/tags", metadefs.remover(TAG, "delete_metadef_tags"), checked=True),
    Route("GET", ONE + "/tags/{name}", metadefs.shower(TAG, "get_metadef_tag"), checked=True),
    Route("POST", ONE + "/tags/{name}", metadefs.add_tag, checked=True),
    Route("PUT", ONE + "/tags/{name}", metadefs.changer(TAG, "modify_metadef_tag"), checked=True, body=schema.TAG),
    Route("DELETE", ONE + "/tags/{name}", metadefs.remover(TAG, "delete_metadef_tag"), checked=True),

    Route("GET", "/v2/schemas/metadefs/{name}", metadefs.schema, "get_images"),
]
# fmt: on
