"""fits.py SCHEMA FILE...: does each JSON file fit the JSON Schema? Exit status 77 without jsonschema."""
import json
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError:
    sys.exit(77)
bad = 0
schema = json.load(open(sys.argv[1], encoding="utf-8"))
Draft202012Validator.check_schema(schema)
for path in sys.argv[2:]:
    for e in Draft202012Validator(schema).iter_errors(json.load(open(path, encoding="utf-8"))):
        print(f"{path}: {e.json_path}: {e.message}"[:300])
        bad += 1
print(f"{bad} complaints")
sys.exit(bad > 0)
