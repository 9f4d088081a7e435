# The events queue and its rules as a Terraform module, equal to cluster-region.yaml and iam-region.yaml. See
# docs/events.md.
#
#   module "lanyard_events" {
#     source             = "<this folder>"
#     providers          = { aws = aws, aws.iam = aws.us_east_1 }   # the cluster's Region; us-east-1 with IAM's events
#     cluster_name       = "prod"
#     operator_role_name = "lanyard-prod"
#   }

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source                = "hashicorp/aws"
      version               = ">= 5.0"
      configuration_aliases = [aws.iam]
    }
  }
}

variable "cluster_name" {
  description = "The EKS cluster."
  type        = string
}

variable "operator_role_name" {
  description = "Name of Lanyard's own role, which gets permission to read the queue; null: you add the permission yourself."
  type        = string
  default     = null
}

output "queue_url" {
  description = "The value of --events-queue."
  value       = aws_sqs_queue.events.url
}

data "aws_partition" "this" {}

data "aws_caller_identity" "this" {}

data "aws_region" "cluster" {}

data "aws_region" "iam" {
  provider = aws.iam
}

locals {
  # In us-east-1 the rule in the cluster's Region matches IAM's events directly.
  forwards = data.aws_region.cluster.id != data.aws_region.iam.id
  bus      = "arn:${data.aws_partition.this.partition}:events:${data.aws_region.cluster.id}:${data.aws_caller_identity.this.account_id}:event-bus/default"
  rules    = [aws_cloudwatch_event_rule.roles.arn, aws_cloudwatch_event_rule.associations.arn]

  of_roles = jsonencode({
    source        = ["aws.iam"]
    "detail-type" = ["AWS API Call via CloudTrail"]
    detail = {
      eventSource = ["iam.amazonaws.com"]
      errorCode   = [{ exists = false }]
      eventName = [
        "CreateRole",
        "DeleteRole",
        "UpdateRole",
        "UpdateRoleDescription",
        "UpdateAssumeRolePolicy",
        "AttachRolePolicy",
        "DetachRolePolicy",
        "PutRolePolicy",
        "DeleteRolePolicy",
        "PutRolePermissionsBoundary",
        "DeleteRolePermissionsBoundary",
        "TagRole",
        "UntagRole",
        "CreateOpenIDConnectProvider",
        "DeleteOpenIDConnectProvider",
        "AddClientIDToOpenIDConnectProvider",
        "RemoveClientIDFromOpenIDConnectProvider",
      ]
    }
  })

  of_associations = jsonencode({
    source        = ["aws.eks"]
    "detail-type" = ["AWS API Call via CloudTrail"]
    detail = {
      eventSource = ["eks.amazonaws.com"]
      errorCode   = [{ exists = false }]
      eventName = [
        "CreatePodIdentityAssociation",
        "UpdatePodIdentityAssociation",
        "DeletePodIdentityAssociation",
        "TagResource",
        "UntagResource",
      ]
    }
  })
}

resource "aws_sqs_queue" "events" {
  name = "lanyard-events-${var.cluster_name}"
  # The drift scan of a starting operator finds older changes, so there is no dead-letter queue.
  message_retention_seconds  = 300
  visibility_timeout_seconds = 30
  receive_wait_time_seconds  = 20
  max_message_size           = 262144
  sqs_managed_sse_enabled    = true
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TheRulesSend"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.events.arn
        Condition = { ArnEquals = { "aws:SourceArn" = local.rules } }
      },
      {
        # Denies principals that an account policy allows to send to all queues.
        Sid       = "NobodyElseSends"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.events.arn
        Condition = { ArnNotEquals = { "aws:SourceArn" = local.rules } }
      },
      {
        Sid       = "OnlyByTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.events.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_cloudwatch_event_rule" "roles" {
  name_prefix   = "lanyard-roles-"
  description   = "Changes of IAM roles and OIDC providers, for Lanyard in ${var.cluster_name}"
  event_pattern = local.of_roles
}

resource "aws_cloudwatch_event_target" "roles" {
  rule = aws_cloudwatch_event_rule.roles.name
  arn  = aws_sqs_queue.events.arn
  retry_policy {
    maximum_event_age_in_seconds = 300
    maximum_retry_attempts       = 20
  }
}

resource "aws_cloudwatch_event_rule" "associations" {
  name_prefix   = "lanyard-associations-"
  description   = "Changes of EKS Pod Identity associations, for Lanyard in ${var.cluster_name}"
  event_pattern = local.of_associations
}

resource "aws_cloudwatch_event_target" "associations" {
  rule = aws_cloudwatch_event_rule.associations.name
  arn  = aws_sqs_queue.events.arn
  retry_policy {
    maximum_event_age_in_seconds = 300
    maximum_retry_attempts       = 20
  }
}

resource "aws_cloudwatch_event_rule" "forward" {
  count         = local.forwards ? 1 : 0
  provider      = aws.iam
  name_prefix   = "lanyard-roles-"
  description   = "Changes of IAM roles and OIDC providers, for Lanyard in ${data.aws_region.cluster.id}"
  event_pattern = local.of_roles
}

resource "aws_cloudwatch_event_target" "forward" {
  count    = local.forwards ? 1 : 0
  provider = aws.iam
  rule     = aws_cloudwatch_event_rule.forward[0].name
  arn      = local.bus
  role_arn = aws_iam_role.forwarder[0].arn
  retry_policy {
    maximum_event_age_in_seconds = 300
    maximum_retry_attempts       = 20
  }
}

resource "aws_iam_role" "forwarder" {
  count       = local.forwards ? 1 : 0
  name_prefix = "lanyard-events-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "forwarder" {
  count = local.forwards ? 1 : 0
  name  = "forward"
  role  = aws_iam_role.forwarder[0].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "events:PutEvents", Resource = local.bus }]
  })
}

resource "aws_iam_role_policy" "operator" {
  count = var.operator_role_name == null ? 0 : 1
  name  = "lanyard-events-${var.cluster_name}"
  role  = var.operator_role_name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "HearOfEvents"
      Effect   = "Allow"
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
      Resource = aws_sqs_queue.events.arn
    }]
  })
}
