-- The health of a WorkloadIdentityClass by its condition Ready. Argo CD opens no string library for this script.
local status = obj.status or {}
local ready = {}
for _, found in ipairs(status.conditions or {}) do
  if found.type == "Ready" then
    ready = found
  end
end

if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = ready.message or "The class is being deleted." }
end
if status.observedGeneration == nil or status.observedGeneration ~= obj.metadata.generation or ready.status == nil then
  return { status = "Progressing", message = "Lanyard has not read this generation yet." }
end
if ready.status == "True" then
  return { status = "Healthy", message = ready.message }
end
return { status = "Degraded", message = ready.message }
