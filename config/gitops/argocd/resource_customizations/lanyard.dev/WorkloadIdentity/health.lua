-- The health of a WorkloadIdentity by its conditions. Argo CD opens no string library for this script.
local status = obj.status or {}
-- Reasons of states that a user chose or has to decide on.
local intended = { Paused = true, ApprovalRequired = true, Suspended = true, ReadOnly = true }

local function condition(kind)
  for _, found in ipairs(status.conditions or {}) do
    if found.type == kind then
      return found
    end
  end
  return {}
end

local function result(health, message)
  return { status = health, message = message or "" }
end

local ready = condition("Ready")
local reconciling = condition("Reconciling")
local stalled = condition("Stalled")
local transitioning = condition("Transitioning")

if obj.metadata.deletionTimestamp ~= nil then
  return result("Progressing", reconciling.message or stalled.message or "The object is being deleted.")
end
if status.observedGeneration == nil or status.observedGeneration ~= obj.metadata.generation or ready.status == nil then
  return result("Progressing", "Lanyard has not reconciled this generation yet.")
end
if obj.spec ~= nil and obj.spec.suspend == true then
  return result("Suspended", stalled.message or reconciling.message or ready.message)
end
local problem = stalled.reason or reconciling.reason
if problem ~= nil and intended[problem] then
  return result("Suspended", stalled.message or reconciling.message)
end
if stalled.status == "True" then
  return result("Degraded", stalled.message)
end
if ready.status == "True" then
  return result("Healthy", transitioning.message or ready.message)
end
return result("Progressing", reconciling.message or ready.message)
